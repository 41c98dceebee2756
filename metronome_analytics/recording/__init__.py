"""Records of what was asked and answered, without what is private: how they are scrubbed, written and played."""
