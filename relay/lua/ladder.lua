-- One line (a JSON object) more in a log of attempts and reports; nil for none.
local function noted(log, line)
  if line == '' then return log end
  return log and (log .. '\n' .. line) or line
end

-- The ladder. One letter per part: a accepted, d delivered, r read, x failed; never backwards, read and failed last.
local function climb(parts, part, code)
  local cur = string.sub(parts, part, part)
  if cur == '' or cur == 'x' then return parts end
  if code == 'x' then
    if cur ~= 'a' then return parts end
  else
    local rank = string.find('adr', code, 1, true)
    if not rank or rank <= string.find('adr', cur, 1, true) then return parts end
  end
  return string.sub(parts, 1, part - 1) .. code .. string.sub(parts, part + 1)
end

local function standing(parts)
  if string.find(parts, 'x', 1, true) then return 'failed' end
  if string.find(parts, 'a', 1, true) then return 'accepted' end
  return string.find(parts, 'd', 1, true) and 'delivered' or 'read'
end

-- One report about one part: the parts' letters and the log after it. It is noted only where it is news.
local function reported(parts, log, part, code, line)
  local after = climb(parts, part, code)
  if after ~= parts then
    log = noted(log, line)
  elseif code == 'p' and string.sub(parts, part, part) == 'a'
    and not string.find(log or '', '"what":"pending"', 1, true) then
    log = noted(log, line)
  end
  return after, log
end
