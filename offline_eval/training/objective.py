"""The training loss: likelihood of the answers that are taught, given sound and prompt."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.distribution import EMOTIONS
from core.errors import ModelError
from core.ltu_as.model import LTUAS
from core.ltu_as.prompt import PROMPTS, render
from core.ltu_as.tokenizer import Tokenizer
from core.ltu_as.verbalizer import Verbalizer
from offline_eval.training.answers import draw_order, in_percent, label, likelihoods

_IGNORE = -100


class AnswerLoss:
    """Cross-entropy of answers and their end; prompts carry no loss.

    The first piece of an answer names the emotion. There the loss is taken against the whole target distribution, of
    the reading that the program shows by default: `seq_logprob`, the mean log-probability of an answer's pieces, of
    which only the first is in doubt. To this comes the probability of beginning with any of the four words. Later
    pieces follow from the first and are taught by one drawn answer.

    Raises:
        ModelError: Two answers of a prompt begin with the same piece.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        verbalizer = Verbalizer.from_tokenizer(tokenizer)
        answers = {prompt: list(verbalizer.answers(prompt).values()) for prompt in PROMPTS}
        self._first = {prompt: [ids[0] for ids in words] for prompt, words in answers.items()}
        if any(len(set(first)) < len(EMOTIONS) for first in self._first.values()):
            msg = "the vocabulary begins two emotion words with the same piece"
            raise ModelError(msg)
        self._pieces = {prompt: torch.tensor([len(ids) for ids in words]) for prompt, words in answers.items()}

    def single(
        self,
        model: LTUAS,
        audio: Tensor,
        targets: NDArray[np.float64],
        *,
        rng: np.random.Generator,
        transcript: str | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Mean loss of one word as the answer, and the reading [B, 4] at the answer position.

        Args:
            model: What is trained.
            audio: Audio embeddings [B, T, hidden].
            targets: [B, 4].
            rng: Draws the answers from the targets.
            transcript: The words given with every sound of the batch.
        """
        answers = [label(draw_order(target, rng)[0]) for target in targets]
        return self._loss(model, audio, "single", answers=answers, targets=targets, transcript=transcript)

    def ambiguous(
        self,
        model: LTUAS,
        audio: Tensor,
        targets: NDArray[np.float64],
        *,
        written: NDArray[np.float64],
        rng: np.random.Generator,
        transcript: str | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The same for likelihoods as the answer; `written` [B, 4] are the probabilities it states."""
        answers = [
            likelihoods({emotion: percent[EMOTIONS.index(emotion)] for emotion in draw_order(target, rng)})
            for target, percent in zip(targets, map(in_percent, written), strict=True)
        ]
        return self._loss(model, audio, "ambiguous", answers=answers, targets=targets, transcript=transcript)

    def words(self, model: LTUAS, audio: Tensor, question: str, answers: Sequence[str]) -> Tensor:
        """Mean loss of these answers to a question (or the name of a prompt), each to its own sound."""
        asked, ids, labels = self._batch(render(question), answers)
        logits = model(ids[:, :-1], audio_embeddings=audio)[:, asked - 1 :].float()
        return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=_IGNORE)

    def readings(self, model: LTUAS, audio: Tensor, prompt: str) -> Tensor:
        """[B, 4]: what `seq_logprob` reads, but for the pieces after the first, which are all but certain."""
        ids = torch.tensor(self._tokenizer.encode(render(prompt))).expand(len(audio), -1)
        means, _ = self._at_answer(model(ids, audio_embeddings=audio)[:, -1].float(), prompt)
        return means.softmax(-1)

    def _at_answer(self, logits: Tensor, prompt: str) -> tuple[Tensor, Tensor]:
        """Mean log-probabilities [B, 4] of the answers' pieces, and the log-probability [B] of any of the four."""
        first = logits.log_softmax(-1)[:, self._first[prompt]]
        return first / self._pieces[prompt], first.logsumexp(-1)

    def _loss(
        self,
        model: LTUAS,
        audio: Tensor,
        prompt: str,
        *,
        answers: Sequence[str],
        targets: NDArray[np.float64],
        transcript: str | None,
    ) -> tuple[Tensor, Tensor]:
        asked, ids, labels = self._batch(render(prompt, transcript), answers)
        logits = model(ids[:, :-1], audio_embeddings=audio)[:, asked - 1 :].float()
        means, any_of_four = self._at_answer(logits[:, 0], prompt)
        readings = means.log_softmax(-1)
        at_answer = -(torch.from_numpy(targets).to(readings) * readings).sum(-1) - any_of_four
        rest = nn.functional.cross_entropy(logits[:, 1:].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=_IGNORE)
        return at_answer.mean() + rest, readings.detach().exp()

    def _batch(self, text: str, answers: Sequence[str]) -> tuple[int, Tensor, Tensor]:
        """How many pieces the prompt has, ids [B, N] of it and the answers, labels [B, M] of the answers."""
        asked = self._tokenizer.encode(text)
        replies = [self._reply(text, len(asked), answer) for answer in answers]
        longest = max(map(len, replies))
        eos = self._tokenizer.eos_id
        ids = torch.tensor([asked + reply + [eos] * (longest - len(reply)) for reply in replies])
        labels = torch.tensor([reply + [_IGNORE] * (longest - len(reply)) for reply in replies])
        return len(asked), ids, labels

    def _reply(self, text: str, asked: int, answer: str) -> list[int]:
        """Pieces of the answer as they stand behind the prompt, and the end."""
        return [*self._tokenizer.encode(text + answer)[asked:], self._tokenizer.eos_id]
