"""The table in the docs says what the exercises can do now."""

from tools import exercise_table


def test_the_table_is_up_to_date():
    assert exercise_table.PATH.read_text(encoding="utf-8") == exercise_table.text(), "run `make exercises`"
