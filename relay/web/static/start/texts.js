/** The start page's words. */
const en = {
  "time.now": "moments", "time.min": "{n} min", "time.h": "{n} h", "time.d": "{n} d",
  working: "Working", lost: "The relay cannot be reached", reading: "Looking…", troubled: "Needs a look: {names}", dead: { one: "{count} message was given up", other: "{count} messages were given up" },
  "try.title": "Try it in a minute", "try.text": "A customer, the operator panel and a group of colleagues in one view: write as the customer, answer as the operator, and watch the ticks.", "try.button": "Open side by side",
  channels: "Channels", "channels.text": "Where customers write.", desks: "Desks", "desks.text": "Where your people read and answer.",
  "panel.text": "The relay's own operator panel", "open.panel": "Open the panel", "open.sandbox": "Open the sandbox", "no.route": "no route",
  backlog: { one: "{count} message waits", other: "{count} messages wait" }, oldest: ", the oldest for {time}", api: "API",
  "state.working": "Working", "state.failing": "Failing", "state.paused": "Paused", "state.breaker open": "Down", "state.credentials": "Refused", "state.other account": "Another account", "state.orphaned": "Not configured",
  "remedy.failing": "It is tried again by itself.", "remedy.paused": "Somebody has paused it; resume it with relay resume.", "remedy.breaker open": "It is tried again by itself; nothing is lost and no try is used up.", "remedy.credentials": "Put the right key into the configuration, or pay; it goes on by itself.", "remedy.other account": "The credentials open another account than before.", "remedy.orphaned": "It is no longer in the configuration.",
};
/** @type {typeof en} */
const ru = /** @type {any} */ ({
  "time.now": "мгновения", "time.min": "{n} мин", "time.h": "{n} ч", "time.d": "{n} дн",
  working: "Работает", lost: "Нет связи с сервером", reading: "Смотрим…", troubled: "Требует внимания: {names}", dead: { one: "{count} сообщение не доставлено", few: "{count} сообщения не доставлены", many: "{count} сообщений не доставлено", other: "{count} сообщения не доставлено" },
  "try.title": "Попробуйте за минуту", "try.text": "Клиент, панель оператора и группа коллег на одном экране: напишите как клиент, ответьте как оператор и смотрите на галочки.", "try.button": "Открыть рядом",
  channels: "Каналы", "channels.text": "Где пишут клиенты.", desks: "Рабочие места", "desks.text": "Где сотрудники читают и отвечают.",
  "panel.text": "Собственная панель оператора", "open.panel": "Открыть панель", "open.sandbox": "Открыть песочницу", "no.route": "нет маршрута",
  backlog: { one: "ждёт {count} сообщение", few: "ждут {count} сообщения", many: "ждут {count} сообщений", other: "ждут {count} сообщения" }, oldest: ", самое раннее {time}", api: "API",
  "state.working": "Работает", "state.failing": "Сбои", "state.paused": "Остановлено", "state.breaker open": "Не отвечает", "state.credentials": "Не пускает", "state.other account": "Другой аккаунт", "state.orphaned": "Нет в настройках",
  "remedy.failing": "Попытки повторяются сами.", "remedy.paused": "Кто-то остановил; продолжить: relay resume.", "remedy.breaker open": "Попытки повторяются сами, ничего не потеряно.", "remedy.credentials": "Укажите верный ключ в настройках или оплатите; дальше само.", "remedy.other account": "Ключ открывает другой аккаунт.", "remedy.orphaned": "Этого больше нет в настройках.",
});
export default { en, ru };
