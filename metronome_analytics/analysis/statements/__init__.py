"""The statements finance asks for, one module each: frames in, frames out, tied to one another."""

from metronome_analytics.analysis.statements.roll_forward import roll_forward

__all__ = ["roll_forward"]
