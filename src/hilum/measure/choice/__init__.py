"""Multiple-choice questions: made from the facts of a study, balanced against blind guessing, answered, scored."""
