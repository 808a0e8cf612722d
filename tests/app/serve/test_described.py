"""The whole API against its own description: whatever it is asked, it answers as it says and never with a 500."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="needs hilum[dev]")
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402

from tests.app.serve import films  # noqa: E402
from tests.app.serve.served import Served, served  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("described")
    with served(folder / "root", limits__silence_seconds=2.0) as made:
        made.department.archive.store(io.BytesIO(films.film_bytes(folder, 1)), source="test")
        yield made


def test_every_operation_under_generated_requests(server: Served) -> None:
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", server.web, headers=server.admin)
    operations = [each.ok() for each in schema.get_all_operations()]
    operations = [each for each in operations if not each.path.endswith("/events")]  # a stream does not end
    assert len(operations) > 25
    wrong: list[str] = []

    for operation in operations:

        @seed(1)
        @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck),
                  phases=(Phase.explicit, Phase.generate))  # fmt: skip
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            answer = case.call(headers=server.admin)
            if answer.status_code >= 500:
                wrong.append(f"{case.method} {case.formatted_path}: {answer.status_code} {answer.text[:200]}")
                return
            conforms = schemathesis.checks.CHECKS.get_one("response_schema_conformance")
            case.validate_response(answer, checks=(schemathesis.checks.not_a_server_error, conforms))

        ask()
    assert not wrong, "\n".join(wrong[:10])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"actions": 1}', b"\xff\xfe", b'{"actions": [{"do": "fly"}]}'])
def test_bodies_that_are_no_actions(server: Served, body: bytes) -> None:
    url = f"/api/studies/{films.study_uid(1)}/draft"
    answer = server.client().post(url, content=body, headers={**server.admin, "content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
