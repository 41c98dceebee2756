"""Another system's rows: its file or frame read exactly, under our names, or refused with the rows named."""

from metronome_analytics.external.amounts import DecimalMark
from metronome_analytics.external.columns import FIELDS, External, Words, wanted
from metronome_analytics.external.files import read_file

__all__ = ["FIELDS", "DecimalMark", "External", "Words", "read_file", "wanted"]
