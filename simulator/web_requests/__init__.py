"""The driver's local web service ("АТОЛ. Web Requests", KKT-PC 6.4) over simulated registers.

``app`` serves HTTP, ``queue`` runs requests one after another, and ``tasks`` is the table of the
driver's JSON tasks (KKT-PC 6.1, 6.2).
"""

from simulator.web_requests.app import build_app

__all__ = ["build_app"]
