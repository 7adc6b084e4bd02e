from tuner.data.kept import Kept


def test_the_latest_results_are_kept_within_the_bytes_and_the_last_one_whatever_its_size():
    made: list[str] = []

    def ask(key: str, size: int) -> None:
        assert len(kept.get(key, lambda: made.append(key) or "x" * size)) == size

    kept: Kept[str, str] = Kept(10, len)
    ask("a", 4)
    ask("b", 4)
    ask("a", 4)
    assert made == ["a", "b"]
    ask("c", 4)  # b was asked for least lately
    ask("a", 4)
    ask("b", 4)
    assert made == ["a", "b", "c", "b"]
    ask("large", 99)
    ask("large", 99)
    ask("a", 4)
    assert made == ["a", "b", "c", "b", "large", "a"]
