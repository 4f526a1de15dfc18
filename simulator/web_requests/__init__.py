"""The driver's local web service ("АТОЛ. Web Requests", KKT-PC 6.4) over simulated registers.

HTTP in ``app``, requests one after another in ``queue``, and the driver's JSON tasks
(KKT-PC 6.1, 6.2) as a table in ``tasks``.
"""

from simulator.web_requests.app import build_app

__all__ = ["build_app"]
