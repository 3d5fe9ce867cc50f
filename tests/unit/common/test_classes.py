"""Names of classes: which spellings are one class, and which lists are refused."""

import pytest

from nuclei.common.classes import class_key, class_numbers, class_problem


def test_case_spaces_and_the_form_of_letters_make_no_class_of_their_own():
    for other in ("Épithélium tumoral", " e\u0301pithe\u0301lium  TUMORAL ", "épithélium\u00a0tumoral"):
        assert class_key(other) == class_key("épithélium tumoral")
    assert len({class_key(name) for name in ("a", "b", "a b", "ab", "α", "1", "01")}) == 7
    assert class_numbers(["B", "a"]) == {"b": 1, "a": 2}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a", "A"], "'a' and 'A' found"),
        (["é", "e\u0301"], "found, which are the same"),
        (["a", "a"], "'a' and 'a' found"),
        ([" a"], "no spaces before or after"),
        ([""], "wanted letters"),
        (["a\nb"], "can be printed"),
    ],
)
def test_names_that_clash_or_are_none_are_refused(names, said):
    assert said in class_problem(names)


def test_other_names_are_right():
    assert class_problem(["nucleus"]) is None
    assert class_problem(["Tumor: Positive", "immune", "腫瘍", 'it\'s \\ "quoted"']) is None
