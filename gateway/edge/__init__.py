"""The gateway: registers connect to it over TCP, TLS, HTTP and MQTT and hold conversations.

Theory of operation of a conversation (``conversation.py``):

Who moves it.  A conversation has no task and no timer of its own, and none of its methods waits.
All its callers run on the one event loop of the process: the transport's link (``receive``,
``on_link_lost``, ``abort``), the device port (it calls the given reply after the commit), the
server's sweep once a second (``sweep``), the server's shutdown (``stop``), and a newer conversation
of the same register (``finish``).

States.  ``protocol.conversation.connection`` has the states and the table of transitions, and
refuses a message out of order::

    SILENT -> GREETED -> CHALLENGED -> CHECKED_IN -> OPEN <-> STEPPING;  any state -> CLOSED

The first CHECK_IN that opens proves that the register has its key.  Only this proof makes the
conversation the register's current one and ends an earlier one (``TAKEN_OVER``).  While a reply
waits for its commit (``waiting``), another CHECK_IN is refused.  ``finish`` runs once: it removes
the conversation from ``Presence``, records exactly one outcome (metric, log line, diagnostics), and
closes the link; later calls change nothing.

Limits.  ``config.py`` has their values, ``metrics.Limit`` their names.  Too many conversations or
handshakes, too many frames a second, too large frames and a full queue of the device port are
answered with REFUSED.  A conversation that lasts or is silent too long, and a peer that leaves too
many bytes unread, are disconnected without an answer.

Hand-over of bytes.  The link passes received bytes in pieces of any size; ``GatewayEnd`` keeps an
incomplete frame and returns whole messages.  The conversation gives all frames of one reply to
``link.write`` in one call, which must not wait: TCP and TLS buffer them (bounded by
``unsent_bytes``), MQTT puts them into a bounded queue as one payload, and HTTP collects them and
sends them as the response when the request is complete and no reply waits for a commit.

Commits.  The answer tells the register what is durable:

    HELLO                    -> CHALLENGE                 nothing is stored, no database is asked
    CHECK_IN                 -> ACCEPTED [BLOCKs STEP]    after the commit of the reading and of the
                                                          step's delivery
    STEP_DONE, STEP_REFUSED  -> [BLOCKs] STEP | FAREWELL  after the commit of the register's answer
                                                          and of the next step's delivery
    KEEPALIVE                -> no answer                 nothing is stored

If the batch fails, the link is closed without an answer (``NOT_KEPT``); the register connects again
and repeats its message.  A gateway that is stopping sends no step; the next conversation gets it.
"""
