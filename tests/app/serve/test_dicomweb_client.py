"""A client that others wrote stores, finds and retrieves: `dicomweb-client` against a server on a real port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from tests.app.serve import films, webbed

client_module = pytest.importorskip("dicomweb_client", reason="conformance is tested by dicomweb-client")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    """A DICOMweb client of an archive with two studies that it stored itself."""
    archive = films.archive(tmp_path)
    # This client sends a Host without its port, so addresses cannot be taken from its requests.
    with webbed.served(lambda url: webbed.application(archive, public_url=url)) as (host, port):
        made = client_module.DICOMwebClient(f"http://{host}:{port}/dicomweb")
        made.store_instances([films.reread(films.film_bytes(tmp_path, study)) for study in (1, 2)])
        made.store_instances([films.reread(films.film_bytes(tmp_path, 1, 2))], study_instance_uid=films.study_uid(1))
        yield made


def test_another_client_finds_and_retrieves_what_it_stored(client: Any, tmp_path: Path) -> None:
    assert len(client.search_for_studies()) == 2
    (study,) = client.search_for_studies(search_filters={"PatientID": "P1"}, fields=["PatientName"], limit=5)
    assert pydicom.Dataset.from_json(study).NumberOfStudyRelatedInstances == 2
    place = (films.study_uid(1), films.series_uid(1), films.sop_uid(1))
    assert len(client.search_for_series(place[0])) == 1
    assert len(client.search_for_instances(place[0], place[1])) == 2
    assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []
    sent = films.reread(films.film_bytes(tmp_path))
    for found in (
        client.retrieve_instance(*place),
        client.retrieve_study(place[0])[0],
        client.retrieve_series(*place[:2])[0],
    ):
        assert (found.SOPInstanceUID, found.PixelData) == (sent.SOPInstanceUID, sent.PixelData)
    frames = client.retrieve_instance_frames(*place, frame_numbers=[1])
    assert frames == [sent.PixelData]
    picture = client.retrieve_instance_rendered(*place, media_types=("image/png",))
    assert picture.startswith(b"\x89PNG")


def test_another_client_reads_metadata_and_bulk_data(client: Any) -> None:
    told = client.retrieve_instance_metadata(films.study_uid(2), films.series_uid(2), films.sop_uid(2))
    header = pydicom.Dataset.from_json(told, lambda tag, vr, address: bytes(client.retrieve_bulkdata(address)[0]))
    pixels = np.frombuffer(header.PixelData, "<u2").reshape(header.Rows, header.Columns)
    expected = np.frombuffer(films.film(2).PixelData, "<u2").reshape(24, 32)
    assert np.array_equal(pixels, expected)
    assert len(client.retrieve_study_metadata(films.study_uid(1))) == 2


def test_another_client_deletes_a_study(client: Any) -> None:
    client.delete_study(films.study_uid(1))
    assert [study["0020000D"]["Value"] for study in client.search_for_studies()] == [[films.study_uid(2)]]
