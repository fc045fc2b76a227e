-- The rate budget of one API key. The rules and their reasons are those of rate_limiter.py, line by line; this file
-- runs them on the Redis server, atomically and by the server's clock.
--
-- KEYS  slots (zset: token -> counted at), state (hash), waiters of the three lanes (zsets: token -> until)
-- ARGV  operation, now ('' = the server's clock; a test may say another), per_second, burst, then:
--         ask: priority, token, quiet start in seconds (none: 0)   sent: token   settle: token, outcome, retry_after ('' = none)   state
-- Answers a number of seconds as text, or for `state` five of them.

local HELD, COUNTED = 10.0, 1.0
local GROW_EVERY, GROW_BY, LEAST, HALVE_EVERY = 3.0, 0.05, 0.05, 1.0
local PAUSE, PAUSE_MAX, CLOSED_MAX = 0.5, 30.0, 3600.0
local BREAKER_CALLS, BREAKER_SPAN = 10, 30.0
local STREAK, LOST = 5, 3
local OPEN, OPEN_MAX, PROBE = 1.0, 1.5, 5.0
local STARVING, STARVING_SLOTS, POLL = 5.0, 20, 0.05
local FORGOTTEN = 7200  -- s; longer than any pause

local SLOTS, STATE, WAITERS = KEYS[1], KEYS[2], { [0] = KEYS[3], [1] = KEYS[4], [2] = KEYS[5] }
local operation, now = ARGV[1], tonumber(ARGV[2])
local per_second, burst = tonumber(ARGV[3]), tonumber(ARGV[4])

if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local state = {}
local stored = redis.call('HGETALL', STATE)
for i = 1, #stored, 2 do state[stored[i]] = tonumber(stored[i + 1]) end

local function get(name, default) return state[name] or default or 0 end
local function text(number) return string.format('%.6f', number) end
local function set(name, number)
  state[name] = number
  redis.call('HSET', STATE, name, text(number))
end

-- --- asking -------------------------------------------------------------------------------------------

local function closed()
  local wait = math.max(0, get('closed_until') - now)
  if get('opened') > 0 then
    wait = math.max(wait, get('open_until') - now)
    if now < get('probing_until') then wait = math.max(wait, POLL) end
  end
  return wait
end

local function waits(priority)
  return redis.call('ZCOUNT', WAITERS[priority], '(' .. text(now), '+inf') > 0
end

local function starves(priority)
  local patience = math.max(STARVING, STARVING_SLOTS / (per_second * get('share', 1)))
  return now - get('turn' .. priority, now) >= patience
end

local function overtaken(priority)
  local behind = false
  for higher = 0, priority - 1 do behind = behind or waits(higher) end
  if behind then
    if not state['turn' .. priority] then set('turn' .. priority, now) end
    if not starves(priority) then return true end
  end
  for lower = priority + 1, 2 do
    if waits(lower) and starves(lower) then return true end
  end
  return false
end

local function room(most, period)
  local since = '(' .. text(now - period)
  if redis.call('ZCOUNT', SLOTS, since, '+inf') < most then return 0 end
  local last = tonumber(redis.call('ZREVRANGE', SLOTS, most - 1, most - 1, 'WITHSCORES')[2])
  if last > now then return POLL end
  return math.max(last + period - now, 0.001)
end

local function window()
  local share = get('share', 1)
  local rate = per_second * share
  local most = math.max(1, math.floor(burst * share + 1e-9))
  local in_second = math.max(most, math.floor(rate + 1e-9))
  local period = most / rate
  redis.call('ZREMRANGEBYSCORE', SLOTS, '-inf', text(now - math.max(period, 1)))
  -- A clock that was set back must not close the budget: nothing is counted later than a held slot.
  redis.call('ZREMRANGEBYSCORE', SLOTS, text(now + HELD + 1), '+inf')
  return math.max(room(most, period), room(in_second, 1))
end

-- A budget that nobody has used yet may be one that Redis has lost, and what went out in the second before is
-- forgotten with it. So it begins with that second spent. Only here: a process cannot lose its own memory.
local function begin(quiet)
  if redis.call('HSETNX', STATE, 'begun', text(now)) == 1 then
    set('closed_until', math.max(get('closed_until'), now + quiet))
  end
end

local function ask(priority, token, quiet)
  if quiet > 0 then begin(quiet) end
  local wait = math.max(closed(), window())
  if overtaken(priority) then wait = math.max(wait, POLL) end
  if wait > 0 then
    redis.call('ZADD', WAITERS[priority], text(now + wait + 0.5), token)
    redis.call('ZREMRANGEBYSCORE', WAITERS[priority], '-inf', text(now))
    return wait
  end
  redis.call('ZREM', WAITERS[priority], token)
  if get('opened') > 0 then set('probing_until', now + PROBE) end
  set('turn' .. priority, now)
  redis.call('ZADD', SLOTS, text(now + HELD), token)
  return 0
end

-- --- learning -----------------------------------------------------------------------------------------

local function throttle(retry_after)
  if not state.halved or now - state.halved >= HALVE_EVERY then
    set('share', math.max(LEAST, get('share', 1) / 2))
    set('halved', now)
    set('changed', now)
    set('strikes', get('strikes') + 1)
  end
  local pause = math.min(PAUSE_MAX, PAUSE * 2 ^ (get('strikes') - 1))
  if retry_after then pause = math.min(retry_after, CLOSED_MAX) end
  set('closed_until', math.max(get('closed_until'), now + pause))
end

local function grow()
  set('strikes', 0)
  if get('share', 1) < 1 and now - get('changed') >= GROW_EVERY then
    set('share', math.min(1, get('share', 1) + GROW_BY))
    set('changed', now)
  end
end

local function fresh_counts()
  set('since', now)
  set('calls', 0)
  set('bad', 0)
end

local function count()
  if now - get('since') > BREAKER_SPAN then fresh_counts() end
  set('calls', get('calls') + 1)
end

local function fail(weight)
  count()
  set('bad', get('bad') + 1)
  set('streak', get('streak') + weight)
  local opened = get('opened')
  local tripped = get('streak') >= STREAK or (get('calls') >= BREAKER_CALLS and get('bad') * 2 >= get('calls'))
  if (opened > 0 and now < get('probing_until')) or (opened == 0 and tripped) then
    set('opened', opened + 1)
    set('open_until', now + math.min(OPEN_MAX, OPEN * 2 ^ opened))
    set('probing_until', 0)
    fresh_counts()
  end
end

local function settle(token, outcome, retry_after)
  local counted = tonumber(redis.call('ZSCORE', SLOTS, token) or nil)
  if outcome == 'unsent' then
    redis.call('ZREM', SLOTS, token)
  elseif counted then
    redis.call('ZADD', SLOTS, text(math.min(counted, now)), token)
  end
  if outcome == 'throttled' then throttle(retry_after) end
  if outcome == 'failed' then
    set('unread', 0)
    return fail(1)
  end
  if outcome == 'lost' then set('unread', get('unread') + 1) end
  if outcome == 'lost' or outcome == 'unsent' then return fail(LOST) end
  if get('opened') > 0 and get('unread') > 0 then
    for number = 1, math.min(get('unread') + 1, math.max(burst, math.floor(per_second))) do
      redis.call('ZADD', SLOTS, text(now), 'unread ' .. number .. ' of ' .. text(now))
    end
  end
  set('unread', 0)
  set('streak', 0)
  if outcome == 'answered' then grow() end
  count()
  set('opened', 0)
  set('probing_until', 0)
end

-- --- one operation ------------------------------------------------------------------------------------

local answer = '0'
if operation == 'ask' then
  answer = text(ask(tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7]) or 0))
elseif operation == 'sent' then
  redis.call('ZADD', SLOTS, 'XX', text(now + COUNTED), ARGV[5])
elseif operation == 'settle' then
  settle(ARGV[5], ARGV[6], tonumber(ARGV[7]))
elseif operation == 'state' then
  local open_for = get('opened') > 0 and math.max(0, get('open_until') - now) or 0
  local in_window = redis.call('ZCOUNT', SLOTS, '(' .. text(now - 1), '+inf')
  return { text(get('share', 1)), text(math.max(0, get('closed_until') - now)), text(open_for), text(in_window), text(get('opened')) }
else
  return redis.error_reply('unknown operation ' .. operation)
end
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, FORGOTTEN) end
return answer
