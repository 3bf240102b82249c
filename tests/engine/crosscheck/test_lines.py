"""A transcription beside recognised words."""

from __future__ import annotations

import pytest

from smolvlm_tools.engine.crosscheck.best_text import recognised_text, write_best
from smolvlm_tools.engine.crosscheck.lines import combined, compare
from smolvlm_tools.types import Box
from tests.support.ocr import fuzz_only, words

pytestmark = fuzz_only

INVENTED = "Best regards from the whole team"


def compared(said: str, recognised, sure: float = 0.9):
    lines = said.split("\n")
    return compare(lines, [sure] * len(lines), recognised)


def test_what_both_read_is_supported_and_surer_than_either_is_alone():
    found = compared("Corner cafe\nTotal 7.50", words("Corner cafe", "Total 7.50", confidence=0.8))
    assert found.agreement == found.coverage == 1
    assert found.missing == ()
    assert [line.recognised for line in found.lines] == ["Corner cafe", "Total 7.50"]
    assert all(line.supported and line.confidence == pytest.approx(0.98) for line in found.lines)
    assert found.confidence == pytest.approx(0.98)


def test_a_line_that_nobody_else_sees_is_not_supported():
    found = compared(f"Corner cafe\n{INVENTED}\nTotal 7.50", words("Corner cafe", "Total 7.50"))
    assert [line.supported for line in found.lines] == [True, False, True]
    assert found.lines[1].confidence < 0.5


def test_a_passage_about_a_page_without_words_is_invented():
    found = compared(INVENTED, ())
    (line,) = found.lines
    assert (line.supported, line.agreement, line.confidence) == (False, 0, 0)
    assert (line.words[0].box, found.agreement) == (None, 0)


def test_words_that_the_model_left_out_are_listed():
    found = compared("Corner cafe\nTotal 7.50", words("Corner cafe", "Two teas 5.00", "Total 7.50"))
    assert [word.text for word in found.missing] == ["Two", "teas", "5.00"]
    assert all(line.supported for line in found.lines)
    assert found.coverage == pytest.approx(19 / 30)


@pytest.mark.parametrize("recognised", ["thequick brown", "the qu ick brown", "thequickbrown"])
def test_spaces_do_not_count(recognised):
    found = compared("the quick brown", words(recognised))
    assert (found.agreement, found.lines[0].agreement, found.missing) == (1, 1, ())


def test_quotation_marks_and_dashes_are_alike():
    assert compared("„it’s” – a ﬁsh", words('"it\'s" - a fish')).agreement == 1


def test_line_breaks_do_not_count():
    found = compared("one two three four five", words("one two", "three four five"))
    assert found.lines[0].agreement == 1


def test_a_wrong_letter_costs_its_share():
    found = compared("Total 7.60", words("Total 7.50"))
    assert found.lines[0].agreement == pytest.approx(8 / 9)
    assert [word.agreement for word in found.lines[0].words] == [1, 0.75]
    assert found.lines[0].supported


def test_a_word_that_lacks_a_character_of_what_is_printed_is_another_one():
    (total,) = compared("Total 750", words("Total 7.50")).lines
    assert [word.agreement for word in total.words] == [1, 0.75]


def test_words_that_were_recognised_as_one_have_their_parts_of_it():
    (line,) = compared("Thank you!", [*words("Thankyou!")]).lines
    assert [word.agreement for word in line.words] == [1, 1]


def test_a_word_has_the_box_of_what_was_recognised_in_its_place():
    first, second = compared("Total 7.50", words("Total 7.50")).lines[0].words
    assert first.box == Box(left=0, top=0, right=50, bottom=20)
    assert second.box == Box(left=60, top=0, right=100, bottom=20)


def test_columns_that_the_readers_take_in_another_order_are_supported():
    columns = [("Monday we baked bread", "Friday they sold shoes"),
               ("and ate it warm", "in the old market")]  # fmt: skip
    said = "\n".join(line for column in zip(*columns, strict=True) for line in column)
    found = compared(said, words(*(line for row in columns for line in row)))
    assert all(line.supported for line in found.lines)
    assert found.missing == ()


def test_a_line_said_more_often_than_it_is_printed_is_not_supported_again():
    page = ["The quick brown fox", "jumps over the lazy dog"]
    found = compared("\n".join([*page, page[0], page[0]]), words(*page))
    assert sorted(line.supported for line in found.lines) == [False, False, True, True]


@pytest.mark.parametrize("said", ["the quick fox", "quick brown fox", "the quick brown"])
def test_a_line_that_lacks_a_word_is_less_sure_than_one_that_has_all(said):
    page = words("the quick brown fox", "jumps")
    whole, short = (compared(f"{line}\njumps", page) for line in ("the quick brown fox", said))
    (word,) = short.missing
    assert (short.lines[0].left_out, short.lines[1].left_out) == (word.text, "")
    assert short.lines[0].agreement == 1 and short.lines[0].supported, "nothing is invented"
    assert short.lines[0].confidence < 0.9 * whole.lines[0].confidence
    assert short.lines[1].confidence == whole.lines[1].confidence


def test_a_line_joined_from_two_that_are_not_neighbours_lacks_what_stands_between():
    page = words("8 CAKE 5.83", "4 BREAD 20.64", "3 TEA 2.98")
    (line,) = compared("8 CAKE 2.98", page).lines
    assert line.left_out == "5.83 4 BREAD 20.64 3 TEA"
    assert line.agreement == 1 and line.confidence < 0.5


def test_a_printed_line_that_is_left_out_as_a_whole_is_no_other_lines_fault():
    found = compared("Corner cafe\nTotal 7.50", words("Corner cafe", "Two teas 5.00", "Total 7.50"))
    assert [word.text for word in found.missing] == ["Two", "teas", "5.00"]
    assert [line.left_out for line in found.lines] == ["", ""]


def test_what_is_left_out_counts_once_in_the_confidence_of_the_whole():
    found = compared("the fox", words("the quick brown fox", confidence=1.0), sure=1.0)
    assert found.lines[0].confidence == found.confidence == pytest.approx(6 / 16)


def test_the_words_of_another_image_are_not_left_out_of_a_line():
    first, second = words("one two"), words("six seven")
    moved = tuple(word.model_copy(update={"image": 1}) for word in second)
    assert [line.left_out for line in compared("one two", (*first, *moved)).lines] == [""]


def test_confidence_grows_with_each_of_its_parts():
    assert combined(1, 0.5, 0.5) == 0.75
    assert combined(0.5, 0.5, 0.5) < combined(0.6, 0.5, 0.5)
    assert combined(0.5, 0.5, 0.5) < min(combined(0.5, 0.6, 0.5), combined(0.5, 0.5, 0.6))


def test_the_best_text_leaves_out_what_is_invented_and_has_what_was_left_out():
    page = words("Corner cafe", "Two teas 5.00", "Total 7.50")
    best = write_best(page, compared(f"Corner cafe\n{INVENTED}\nTotal 7.50", page))
    assert best.text == "Corner cafe\nTwo teas 5.00\nTotal 7.50"
    assert not best.by_model


@pytest.mark.parametrize(("sure", "text"), [(0.9, "Total 7.50"), (0.3, "Tota1 7.50")])
def test_the_best_word_is_that_of_the_surer_reader(sure, text):
    page = words("Tota1 7.50", confidence=0.6)
    best = write_best(page, compared("Total 7.50", page, sure))
    assert (best.text, best.by_model) == (text, sure > 0.6)


def test_the_best_text_has_the_models_spaces_where_the_letters_are_the_same():
    page = words("thequick brown")
    found = compared("the quick brown", page)
    assert write_best(page, found).text == "the quick brown"
    assert write_best(page, found, only_ocr=True).text == "thequick brown"


def test_a_word_of_the_model_is_not_written_twice():
    page = words("over joyed now", confidence=0.5)
    assert write_best(page, compared("overjoyed now", page)).text.count("now") == 1
    assert "overjoyed overjoyed" not in write_best(page, compared("overjoyed now", page)).text


def test_images_are_parted_by_an_empty_line():
    one, two = words("first"), words("second")
    moved = [word.model_copy(update={"image": 1}) for word in two]
    assert recognised_text([*one, *moved]) == "first\n\nsecond"


def test_nothing_beside_nothing_agrees():
    found = compare([], [], ())
    assert (found.agreement, found.confidence, found.lines) == (1, 1, ())
