import pytest

from tuner.model.embeddings import Embedding, plan_embeddings
from tuner.model.network import embed, plan_network


@pytest.mark.parametrize(
    ("n_categories", "scale", "size"),
    # fastai's emb_sz_rule gives 2, 3, 6, 14 and 21 for 2, 3, 10, 51 and 100 categories
    [
        (1, 1, 2),
        (2, 1, 2),
        (3, 1, 3),
        (10, 1, 6),
        (51, 1, 14),
        (100, 1, 21),
        (10_000, 1, 50),
        (10_000, 2, 100),
        (10, 0.5, 3),
        (2, 0.01, 1),
    ],
)
def test_a_vector_grows_with_the_number_of_categories(n_categories, scale, size):
    assert plan_embeddings([n_categories + 1], scale) == (Embedding(n_categories + 1, size),)


def test_a_network_embeds_its_last_inputs_and_a_parameter_scales_their_vectors():
    params = {"layers": 0, "embedding_scale": 0.5}
    network = embed(plan_network(params), params, (11, 101))
    assert [table.size for table in network.embeddings] == [3, 10]
    assert network.width(5) == 3 + 3 + 10
    assert network.structure != plan_network(params).structure
    assert embed(plan_network(params), params, ()) == plan_network(params)
