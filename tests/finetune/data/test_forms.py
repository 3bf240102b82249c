"""Every form that people have becomes the same conversations."""

from __future__ import annotations

import pytest

from smolvlm_tools.errors import BadSamples
from smolvlm_tools.finetune.data import DataOptions, read_split
from smolvlm_tools.types import ImagePart


def told(sample, folder):
    """A sample in short: role, then texts and names of images."""
    return [
        (
            turn.role,
            *(
                f"[{part.image.removeprefix(str(folder) + '/')}]"
                if isinstance(part, ImagePart)
                else part.text
                for part in turn.content
            ),
        )
        for turn in sample.messages
    ]


def all_of(path, folder, **options):
    split = read_split(path, DataOptions(**options), validation=0)
    return [told(sample, folder) for sample in split.training]


ONE = [("user", "[pictures/0.png]", "What?"), ("assistant", "Red.")]
ANSWER = {"role": "assistant", "content": "Red."}


@pytest.mark.parametrize(
    "row",
    [
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image"}, {"type": "text", "text": "What?"}],
                },
                {"role": "assistant", "content": [{"type": "text", "text": "Red."}]},
            ],
            "images": ["pictures/0.png"],
        },
        {
            "messages": [{"role": "user", "content": "What?"}, ANSWER],
            "images": ["pictures/0.png"],
        },
        {
            "messages": [{"role": "user", "content": "<image>What?"}, ANSWER],
            "images": [{"path": "pictures/0.png", "bytes": None}],
        },
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "path": "pictures/0.png"},
                        {"type": "text", "text": "What?"},
                    ],
                },
                ANSWER,
            ]
        },
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "pictures/0.png"}},
                        {"type": "text", "text": "What?"},
                    ],
                },
                ANSWER,
            ]
        },
        {"prompt": "What?", "completion": "Red.", "images": "pictures/0.png"},
        {
            "prompt": [{"role": "user", "content": [{"type": "image"}, "What?"]}],
            "completion": [ANSWER],
            "image": "pictures/0.png",
        },
        {
            "conversations": [
                {"from": "human", "value": "<image>What?"},
                {"from": "gpt", "value": "Red."},
            ],
            "images": ["pictures/0.png"],
        },
        {
            "instruction": "<image>What?",
            "input": "",
            "output": "Red.",
            "images": ["pictures/0.png"],
        },
        {"image": "pictures/0.png", "question": "What?", "answer": "Red."},
    ],
)
@pytest.mark.parametrize("name", ["train.jsonl", "train.json"])
def test_a_row_of_each_form_is_the_same_conversation(row, name, write, folder):
    assert all_of(write(row, name=name), folder) == [ONE]


def test_images_stand_where_the_text_has_them(write, folder):
    row = {
        "conversations": [
            {"from": "human", "value": "First <image> then <image>?"},
            {"from": "gpt", "value": "Yes."},
            {"from": "human", "value": "And <image>"},
            {"from": "gpt", "value": "No."},
        ],
        "system": "Be brief.",
        "images": [f"pictures/{at}.png" for at in range(3)],
    }
    assert all_of(write(row), folder) == [
        [
            ("system", "Be brief."),
            ("user", "First ", "[pictures/0.png]", " then ", "[pictures/1.png]", "?"),
            ("assistant", "Yes."),
            ("user", "And ", "[pictures/2.png]"),
            ("assistant", "No."),
        ]
    ]


def test_alpaca_joins_instruction_and_input_and_keeps_the_history(write, folder):
    row = {
        "instruction": "Which colour?",
        "input": "<image>",
        "output": "Red.",
        "history": [["Hello", "Hi"]],
        "images": ["pictures/1.png"],
    }
    assert all_of(write(row), folder) == [
        [
            ("user", "Hello"),
            ("assistant", "Hi"),
            ("user", "Which colour?", "[pictures/1.png]"),
            ("assistant", "Red."),
        ]
    ]


def test_a_table_may_have_quotes_with_line_breaks_and_a_mark_of_its_encoding(folder):
    path = folder / "train.csv"
    path.write_bytes(
        "\ufeffimage,question,answer\r\n"
        'pictures/0.png,"What\nis, ""it""?",Red.\r\n\r\n'
        "pictures/1.png,Größe?,10 €\r\n".encode()
    )
    split = read_split(path, validation=0)
    assert [told(sample, folder) for sample in split.training] == [
        [("user", "[pictures/0.png]", 'What\nis, "it"?'), ("assistant", "Red.")],
        [("user", "[pictures/1.png]", "Größe?"), ("assistant", "10 €")],
    ]
    assert [sample.place for sample in split.training] == ["train.csv:2", "train.csv:5"]


def test_columns_can_be_named(folder):
    path = folder / "train.tsv"
    path.write_text("scan\task\ttold\tcaption\npictures/0.png\tWhat?\tRed.\tno\n")
    named = {"image_column": "scan", "question_column": "ask", "answer_column": "told"}
    assert all_of(path, folder, **named) == [ONE]
    with pytest.raises(BadSamples, match="no column for the image; there are 'scan', 'ask'"):
        read_split(path)
    with pytest.raises(BadSamples, match="no column 'scam'"):
        read_split(path, DataOptions(image_column="scam"))


def test_captions_are_asked_for_as_describe_asks(folder):
    for at in range(2):
        (folder / "pictures" / f"{at}.txt").write_text(f"A square {at}.\n")
    for at in range(2, 5):
        (folder / "pictures" / f"{at}.png").unlink()
    asked = "Can you describe this image?"
    found = all_of(folder / "pictures", folder)
    assert found[1] == [
        ("user", "[pictures/1.png]", asked),
        ("assistant", "A square 1."),
    ]
    found = all_of(folder / "pictures", folder, question="Caption:")
    assert found[0][0] == ("user", "[pictures/0.png]", "Caption:")


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_a_folder_may_have_its_captions_in_one_file(folder, name):
    text = {
        "metadata.csv": "file_name,text\n0.png,One.\n",
        "metadata.jsonl": '{"file_name": "0.png", "text": "One."}\n',
    }
    (folder / "pictures" / name).write_text(text[name])
    (found,) = all_of(folder / "pictures", folder)
    assert found[1] == ("assistant", "One.")


def test_paths_can_start_in_another_folder(write, folder):
    (folder / "elsewhere").mkdir()
    path = write(
        {"image": "0.png", "question": "What?", "answer": "Red."}, name="elsewhere/train.jsonl"
    )
    assert all_of(path, folder, image_folder=folder / "pictures") == [ONE]


def test_the_form_can_be_named(write, folder):
    row = {
        "messages": [{"role": "user", "content": "<image>No?"}, ANSWER],
        "image": "pictures/0.png",
        "question": "What?",
        "answer": "Red.",
    }
    path = write(row)
    assert all_of(path, folder, format="table") == [ONE]
    assert all_of(path, folder)[0][0] == ("user", "[pictures/0.png]", "No?")
