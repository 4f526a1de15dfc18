"""The text that `cash-server up` prints when it is ready: addresses, and how to sign in."""

STARTUP_TEXT = """
  Кассовый сервер работает / the cash server is running
  API                 http://{http}/api/v1
  Документация / docs http://{http}/api/docs
  Вход / sign in      {admin.login} / {admin.shown_password}  ({admin.password_location})
  Кассы / registers   {where} с / s; демо / demo: {demo}
  MQTT                {mqtt}
  Метрики / metrics   http://{http}/metrics
  Журнал / log        {log}
  Остановка / stop    Ctrl-C
"""
