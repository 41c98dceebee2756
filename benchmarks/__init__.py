"""How fast, how lean, how polite: `python -m benchmarks` prints each ratio beside its bar. Nothing here is a test."""
