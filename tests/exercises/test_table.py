"""The table in the docs says what the exercises can do now."""

from tools import exercise_table


def test_the_table_is_up_to_date():
    stored = exercise_table.PATH.read_text(encoding="utf-8")
    assert stored.startswith(exercise_table.text() + exercise_table.TIMES), "run `make exercises`"
