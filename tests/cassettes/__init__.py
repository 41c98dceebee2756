"""The scenarios behind `cassettes/`, how they are recorded, and how they are scrubbed."""
