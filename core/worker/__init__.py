"""The model in a process of its own, behind an asyncio interface. Nothing here imports torch."""

from core.worker.breaker import CircuitBreaker
from core.worker.process import ModelReady
from core.worker.supervisor import InferenceWorker, WorkerState, WorkerStatus

__all__ = ["CircuitBreaker", "InferenceWorker", "ModelReady", "WorkerState", "WorkerStatus"]
