"""All metrics of the fleet's processes."""

from prometheus_client import Counter, Histogram

BATCH_SECONDS = Histogram(
    "cash_server_batch_seconds",
    "From the start of a batch's transaction to its commit.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BATCH_SIZE = Histogram(
    "cash_server_batch_items",
    "Readings and answers written by one transaction.",
    buckets=(1, 3, 10, 30, 100, 300, 1000),
)
OPERATIONS_MOVED = Counter(
    "cash_server_operations_moved_total",
    "Transitions of operations into a status.",
    ("type", "status"),
)
CONDITIONS_CHANGED = Counter(
    "cash_server_conditions_changed_total",
    "Conditions that readings broke or mended.",
    ("condition", "direction"),
)
TASK_FAILURES = Counter(
    "cash_server_task_failures_total", "Failures of the process's long-lived tasks.", ("task",)
)
JOB_RUNS = Counter(
    "cash_server_jobs_total", "Runs of the worker's periodic jobs.", ("job", "outcome")
)
CONVERSATIONS_UNWRITTEN = Counter(
    "cash_server_conversations_unwritten_total",
    "Ends of conversations that the diagnostics lost: too many at once, or a failed write.",
)
LETTERS = Counter("cash_server_letters_total", "Letters by what became of them.", ("outcome",))
PAYMENTS = Counter(
    "cash_server_payments_total", "Payments that came to an end.", ("provider", "status")
)
SUBSCRIPTIONS_EXPIRED = Counter(
    "cash_server_subscriptions_expired_total", "Subscriptions that have ended.", ("plan",)
)
