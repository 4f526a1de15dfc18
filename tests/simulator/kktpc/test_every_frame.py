"""Every frame that the manufacturer's driver was seen to send gets an answer that the command
tables can explain, on every line."""

import pytest

from protocol.kktpc import buffer, commands, eot, registers
from protocol.kktpc.commands import CommandFailed
from protocol.kktpc.result_codes import RESULT_CODES
from simulator.register.simulated_register import SimulatedRegister
from tests.protocol.vectors import VECTORS, Vector
from tests.simulator.kktpc.conftest import LINES, with_host
from tests.simulator.kktpc.host import HostV3, take_frame

FROM_HOST = [each for each in VECTORS if each.to_register]
RESTARTS = {b"\xce\x41", b"\xec\x00"}


def explain(request: bytes, answer: bytes) -> None:
    """Raises unless the tables know what it says."""
    command = commands.BY_CODE[request[0]]
    found = commands.parse_answer(command, answer)
    if isinstance(found, CommandFailed):
        assert found.code in RESULT_CODES
    elif command.name == "read_register":
        registers.parse_register(registers.BY_NUMBER[request[1]], found["data"])


def say_it(host: HostV3, data: bytes) -> None:
    """One frame as it was seen; the buffer is emptied before it, for the frames do not follow each
    other."""
    host.say(b"\xc4")
    reply = buffer.decode(host.say(data))
    said = buffer.decode(data)
    if not isinstance(said, buffer.Add):
        assert type(reply) in (buffer.Result, buffer.NotFound), reply
        return
    assert type(reply) in (buffer.InProgress, buffer.Pending, buffer.Waiting), reply
    request = said.body[commands.PASSWORD_LENGTH :]
    if not request or request[0] == eot.COMMAND:
        return
    task_id = data[2:3]
    if not said.flags & buffer.Flag.NEED_RESULT:
        return
    answer = host.wait_for(lambda it: it[:1] in b"\xa6\xa7" and it[1:2] == task_id)
    explain(request, answer[2:])


@pytest.mark.parametrize("line", LINES)
async def test_every_frame_is_answered(line: str, register: SimulatedRegister) -> None:
    plain = [data for data in map(plain_data, FROM_HOST) if data[5:7] not in RESTARTS]
    assert len(plain) > 150

    def say_all(host: HostV3) -> None:
        for data in plain:
            say_it(host, data)

    await with_host(line, register, say_all)


@pytest.mark.parametrize("data", [it.data for it in FROM_HOST if it.data[5:7] in RESTARTS])
async def test_a_frame_that_restarts_the_register_is_answered(
    data: bytes, register: SimulatedRegister
) -> None:
    await with_host("tcp", register, lambda host: say_it(host, data))


def plain_data(vector: Vector) -> bytes:
    """Read by the tests' own reader, which must agree with the file."""
    found = take_frame(vector.frame)
    assert found is not None and found[1] == vector.data
    return found[1]
