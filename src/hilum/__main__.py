"""`python -m hilum` is the command line."""

from hilum.app.cli import main

main()
