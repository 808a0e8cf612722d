"""The seven types every room shares; numpy and the standard library only."""
