"""The record of a final model where machines share a study's database."""

from contextlib import closing
from dataclasses import asdict, replace

import numpy as np
import pytest

from tests.search.trials import HEADER
from tuner.errors import TunerError
from tuner.export.final_record import find_final, keep_final, read_final
from tuner.records import Final, Interval, Member
from tuner.search.storage import StudyStore

FINAL = Final(
    kind="ensemble",
    members=(Member(3, {"layers": 2, "batch_norm": True}, 0.75, (12,)), Member(1, {"layers": 1}, 0.25, (7,))),
    rows=20,
    scores={"f1": Interval(0.1 + 0.2, 1 / 3, 0.9)},
    looks=2,
    created="2026-01-31T12:00:00+00:00",
    train_scores={"f1": 0.95},
    held_out=np.array([[0.25], [0.75]], np.float32),
)

OTHER = replace(FINAL, kind="refit", looks=1, created="2026-01-30T12:00:00+00:00", held_out=None)


def test_another_machine_knows_the_scores_and_how_often_the_held_out_rows_were_looked_at(tmp_path):
    url = f"sqlite:///{tmp_path / 'all.db'}"
    with closing(StudyStore(tmp_path / "here", "s", url)) as here:
        here.create(HEADER, maximize=True)
        assert find_final(here) is None
        keep_final(here, FINAL)
        own = find_final(here)
        assert own is not None
        assert np.array_equal(own.held_out, FINAL.held_out)
        with closing(StudyStore(tmp_path / "there", "s", url)) as there:
            assert asdict(find_final(there)) == asdict(replace(FINAL, held_out=None))
            (tmp_path / "there").mkdir()
            later = replace(FINAL, looks=3, created="2026-02-01T12:00:00+00:00", earlier=(OTHER,))
            keep_final(there, later)
        assert asdict(find_final(here)) == asdict(replace(later, held_out=None))
        with closing(StudyStore(tmp_path / "there", "s", url)) as there:
            # Back to the model that was made here, whose outputs are here.
            keep_final(there, replace(FINAL, looks=3, earlier=(later_alone := replace(OTHER, looks=3),)))
        back = find_final(here)
        assert back is not None
        assert (back.looks, list(map(asdict, back.earlier))) == (3, [asdict(later_alone)])
        assert np.array_equal(back.held_out, FINAL.held_out)


def test_the_record_of_a_study_in_files_lies_in_its_folder_alone(tmp_path):
    with closing(StudyStore(tmp_path / "s", "s")) as store:
        store.create(HEADER, maximize=True)
        keep_final(store, FINAL)
        (tmp_path / "s" / "final.json").unlink()
        assert find_final(store) is None


def test_a_process_that_has_lost_its_study_records_no_final_model_for_others(tmp_path):
    def refuse() -> None:
        raise TunerError("taken over")

    with closing(StudyStore(tmp_path / "s", "s", f"sqlite:///{tmp_path / 'all.db'}")) as store:
        store.create(HEADER, maximize=True)
        store.guard(refuse)
        with pytest.raises(TunerError, match="taken over"):
            keep_final(store, FINAL)
        with closing(StudyStore(tmp_path / "t", "s", f"sqlite:///{tmp_path / 'all.db'}")) as other:
            assert find_final(other) is None
    assert read_final(tmp_path / "s") is not None
