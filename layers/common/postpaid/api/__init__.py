"""Wire dialects to commands and back; no rule lives here."""
