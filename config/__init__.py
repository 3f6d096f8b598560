"""What a person edits, and the types that check it."""
