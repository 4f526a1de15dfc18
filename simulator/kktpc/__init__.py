"""The simulated register as a KKT-PC register that any host can reach (KKT-PC 0 to 4)."""

from simulator.kktpc.relay import CallCredentials as CallCredentials
from simulator.kktpc.serving import LineSetup as LineSetup
from simulator.kktpc.serving import RegisterServer as RegisterServer
from simulator.kktpc.serving import SerialLine as SerialLine
from simulator.kktpc.serving import serve_serial as serve_serial
from simulator.kktpc.serving import serve_tcp as serve_tcp
