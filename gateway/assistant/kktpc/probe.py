"""Detection of the platform on a line: it sends ``protocol.kktpc.probes`` and waits."""

import asyncio

from gateway.assistant.kktpc.errors import LineLost, NoKktPcAnswer
from gateway.assistant.kktpc.lines import Line
from protocol.kktpc.probes import ANSWER_WITHIN_S, PROBES, Prober
from protocol.platforms import Platform


class _Listening:
    """Listener of a line while it is probed."""

    def __init__(self) -> None:
        self.told: asyncio.Future[Platform | LineLost] = asyncio.get_running_loop().create_future()
        self._prober = Prober()

    def on_data(self, data: bytes) -> None:
        platform = self._prober.feed(data)
        if platform is not None and not self.told.done():
            self.told.set_result(platform)

    def on_line_lost(self, why: str) -> None:
        if not self.told.done():
            self.told.set_result(LineLost(why))


async def probe(line: Line, wait_s: float = ANSWER_WITHIN_S, tries: int = 2) -> Platform:
    """Return the platform of the register; raise ``NoKktPcAnswer`` or ``LineLost``."""
    end = _Listening()
    line.attach(end)
    for _ in range(tries):
        if not end.told.done():
            line.write(PROBES)
            await asyncio.wait({end.told}, timeout=wait_s)
    if not end.told.done():
        raise NoKktPcAnswer("no register answers on the line")
    told = end.told.result()
    if isinstance(told, LineLost):
        raise told
    return told
