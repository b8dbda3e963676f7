"""Floor 8. Pairs of sentences as tokens for pygrad's transformer, its accuracy, its files."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from ....shared import lacking
from ...tensor import Tensor

__all__ = ["PrepareDataset", "accuracy_fn", "infer_one", "save_model"]


class PrepareDataset:
    """Two vocabularies, which grow with what is loaded, and with `store` what was made of it.

    Token 0 is <EOS>, which also fills sentences up, and 1 is <START>.
    """

    def __init__(self) -> None:
        self.enc_dataset_vocab = {"<EOS>": 0, "<START>": 1}
        self.dec_dataset_vocab = {"<EOS>": 0, "<START>": 1}
        self.dataset: Any = None
        self.train: Any = None
        self.test: Any = None
        self.trainX: Any = None
        self.trainY: Any = None

    def load_dataset(
        self, filename: Any, max_len: int = 10000, store: bool = False
    ) -> tuple[ndarray, dict, dict]:
        """Rows of two sentences from the pickle of an array; nothing else in it is executed."""
        with open(filename, "rb") as file:
            dataset = self.add_start_eos(Reader(file).load()[:max_len, :])
        if store:
            self.dataset = dataset
        grow(self.enc_dataset_vocab, dataset[:, 0])
        grow(self.dec_dataset_vocab, dataset[:, 1])
        return dataset, self.enc_dataset_vocab, self.dec_dataset_vocab

    def train_test_split(
        self, dataset: ndarray, split: float = 0.8, shuffle: bool = True, store: bool = False
    ) -> tuple[ndarray, ndarray]:
        """The share `split` of the rows and the others, shuffled by NumPy's random state."""
        if shuffle:
            dataset = dataset[np.random.permutation(len(dataset))]
        parts = np.split(dataset, [int(len(dataset) * split)])
        if store:
            self.train, self.test = parts
        return parts[0], parts[1]

    def create_enc_dec_inputs(self, dataset: ndarray, store: bool = False) -> tuple:
        inputs = self.words_to_tokens(dataset[:, 0], self.enc_dataset_vocab)
        outputs = self.words_to_tokens(dataset[:, 1], self.dec_dataset_vocab)
        if store:
            self.trainX, self.trainY = inputs, outputs
        return inputs, outputs

    def enc_vocab_size(self) -> int:
        return len(self.enc_dataset_vocab) + 1

    def dec_vocab_size(self) -> int:
        return len(self.dec_dataset_vocab) + 1

    def find_seq_length(self, dataset: Iterable[str]) -> int:
        return max(len(sentence.split()) for sentence in dataset)

    def add_start_eos(self, dataset: ndarray) -> ndarray:
        """A new array, in which every sentence has its marks whole, however long it gets."""
        marked = [[f"<START> {sentence} <EOS>" for sentence in row[:2]] for row in dataset]
        return np.array(marked, dtype=object)

    def words_to_tokens(
        self, dataset: Iterable[str], vocab: Mapping[str, int], pad: bool = True
    ) -> ndarray:
        rows = [[vocab[word] for word in sentence.split()] for sentence in dataset]
        longest = max(map(len, rows)) if pad else 0
        end = vocab["<EOS>"]
        return np.array([row + [end] * (longest - len(row)) for row in rows], dtype=int)

    def tokens_to_words(self, predictions: Iterable, vocab: Mapping[str, int]) -> list[str]:
        words = {int(token): word for word, token in vocab.items()}
        return ["".join(f"{words[int(token)]} " for token in row) for row in predictions]


class Reader(pickle.Unpickler):
    """Reads arrays, and refuses everything else that a pickle could name."""

    ARRAYS = ("_reconstruct", "_frombuffer", "ndarray", "dtype", "scalar")

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "numpy" and name in self.ARRAYS:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"load_dataset: takes an array, and this is {module}.{name}")


def grow(vocab: dict[str, int], sentences: Iterable[str]) -> None:
    """Give each new word the next number."""
    for sentence in sentences:
        for word in sentence.split():
            vocab.setdefault(word, len(vocab))


def accuracy_fn(y_pred: ndarray, y_true: ndarray) -> Any:
    """The share of places that are guessed right, of those that are not class 0."""
    counted = y_true[:, :, 0] != 1
    right = y_pred.argmax(axis=-1) == y_true.argmax(axis=-1)
    return np.sum(right & counted) / np.sum(counted)


def infer_one(model: Any, prepare_dataset: PrepareDataset) -> None:
    """Print the first training pair, and what the model makes of it, without dropout."""
    data = prepare_dataset
    words, vocabs = data.tokens_to_words, (data.enc_dataset_vocab, data.dec_dataset_vocab)
    source, target = (np.array(x[:1]) for x in (data.trainX, data.trainY))
    model.model_reset()
    given = {"enc_inp": source[:, 1:], "dec_inp": target[:, :-1]}
    tensors = {name: Tensor(x, leaf=True) for name, x in given.items()}
    guessed = model(**tensors, training=False).value.argmax(axis=-1)
    lines = [("ine", given["enc_inp"], 0), ("ind", given["dec_inp"], 1)]
    for name, tokens, side in [*lines, ("prd", guessed, 1), ("act", target[:, 1:], 1)]:
        text = words(tokens, vocabs[side])[0].split("<EOS>", 1)[0]
        print(f"{name}_txt: {text}{'' if name == 'ind' else '<EOS>'}")
    model.model_reset()


def save_model(save_dir: Any, model: Any, prepare_dataset: PrepareDataset) -> None:
    """Pickle the model, without its copy or any graph, and the data set into a folder."""
    folder = Path(save_dir).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    model.model_copy = None
    if prepare_dataset.dataset is None:
        warnings.warn("save_model: the PrepareDataset holds no data set", stacklevel=2)
    for name, thing in {"model": model, "dataset": prepare_dataset}.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(thing))


__getattr__ = lacking("pygrad")
