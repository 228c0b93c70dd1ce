-- The one log of changes that people can see: history, pages and scripts read it. FEED is set in front of all scripts
-- (relay/store/store.py): false where there is no history. Kinds: message, delivery, conversation, destination.
local function announce(kind, n, what)
  if FEED then call('XADD', P .. 'feed', 'MAXLEN', '~', 1000000, '*', 'k', kind, 'n', n, 'm', what) end
end
