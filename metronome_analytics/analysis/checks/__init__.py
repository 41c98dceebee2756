"""The checks of a reconciliation: each makes one frame of expected and actual amounts."""
