"""How we speak to Metronome: the registry, the wire schemas, the client, the pages, the decoder."""
