"""From facts to verdicts, with the evidence behind each of them."""
