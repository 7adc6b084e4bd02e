"""Which files of a folder are its pictures; a folder that is laid out otherwise is told how."""

import os
from pathlib import Path

import pytest

from tuner.data.picture_files import all_pictures, class_pictures, is_picture_folder
from tuner.errors import DataError


def fill(folder: Path, *names: str) -> Path:
    """Make empty files below a folder; a name that ends with a slash is a folder."""
    for name in names:
        place = folder / name
        (place if name.endswith("/") else place.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            place.touch()
    return folder


def test_pictures_have_the_class_of_their_folder_and_come_in_the_order_of_names(tmp_path):
    fill(tmp_path, "dog/b.PNG", "cat/z.jpeg", "cat/a.jpg", "dog/10.png", "dog/9.png")
    listed = class_pictures(tmp_path)
    assert [(each.name, each.label) for each in listed.pictures] == [
        ("cat/a.jpg", "cat"),
        ("cat/z.jpeg", "cat"),
        ("dog/10.png", "dog"),
        ("dog/9.png", "dog"),
        ("dog/b.PNG", "dog"),
    ]
    assert listed.aside == ()
    assert [each.name for each in all_pictures(tmp_path)] == [each.name for each in listed.pictures]


def test_what_systems_leave_behind_is_not_looked_at_and_files_beside_the_classes_are_left_aside(tmp_path):
    fill(
        tmp_path, "cat/1.png", "dog/1.png", "cat/.2.png", ".git/x.png", "dog/Thumbs.db", "README.txt", "t.csv"
    )
    fill(tmp_path, "__MACOSX/cat/1.png")
    listed = class_pictures(tmp_path)
    assert [each.name for each in listed.pictures] == ["cat/1.png", "dog/1.png"]
    assert listed.aside == ("README.txt", "t.csv")


def test_names_are_the_same_on_systems_that_write_accents_apart(tmp_path):
    fill(tmp_path, "Ka\u0308fer/1.png", "猫/1.png", "<b>|x`/1.png")
    assert [each.label for each in class_pictures(tmp_path).pictures] == ["<b>|x`", "Käfer", "猫"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.png", "b.png"], "2 pictures lie right in the folder .such as 'a.png'.; the class of a picture is"),
        (["a.png", "cat/1.png", "dog/1.png"], "a picture lies beside the folders of the classes"),
        (["cat/1.png"], "at least two of them, and there is one, 'cat'; name the folder above the classes"),
        (["cat/1.png", "dog/"], "dog: holds no pictures; put some there, or remove the folder"),
        (["cat/1.png", "dog/1.gif"], r"dog/1.gif: is no picture by its name; one of: .png, .jpg, .jpeg; convert it"),
        (["cat/1.png", "dog/big/1.png"], "dog: holds a folder .such as 'big'., and the pictures of a class lie right"),
        (
            ["train/cat/1.png", "train/dog/1.png", "Test/cat/1.png"],
            "'Test', 'train' are shares of the rows, not classes; name .*train as the data, and .*Test as test",
        ),
        (["train/cat/1.png", "train/dog/1.png"], "'train' is a share of the rows, not a class; name .*train as the"),
    ],
)  # fmt: skip
def test_a_folder_that_is_laid_out_otherwise_is_refused_with_a_way_out(tmp_path, names, message):
    fill(tmp_path, *names)
    assert is_picture_folder(tmp_path)
    with pytest.raises(DataError, match=message):
        class_pictures(tmp_path)


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    fill(tmp_path, "cat/1.png", "cat/2.tif", "dog/", *(f"bird/{number}.txt" for number in range(12)))
    with pytest.raises(DataError) as caught:
        class_pictures(tmp_path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "and 4 more"


def test_classes_may_be_named_train_and_test_where_they_hold_pictures(tmp_path):
    fill(tmp_path, "train/1.png", "test/1.png")
    assert {each.label for each in class_pictures(tmp_path).pictures} == {"train", "test"}


def test_a_name_that_is_no_text_is_refused(tmp_path):
    fill(tmp_path, "dog/1.png", os.fsdecode(b"cat/\xff.png"))
    with pytest.raises(DataError, match="is no text that can be written; rename it"):
        class_pictures(tmp_path)


def test_a_folder_without_pictures_is_none_of_pictures(tmp_path):
    fill(tmp_path, "churn.csv", "deep/er/still/1.png")
    assert not is_picture_folder(tmp_path)
    assert not is_picture_folder(tmp_path / "churn.csv")
    assert is_picture_folder(tmp_path / "deep")
    with pytest.raises(DataError, match=r"churn.csv: is no picture by its name"):
        all_pictures(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        all_pictures(tmp_path / "empty")
