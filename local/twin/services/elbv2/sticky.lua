-- Stickiness: cookies that name a target or a target group. They are legible where AWS's are encrypted; a client can do
-- no more with them than choose among the targets of a group that its request reaches anyway.
-- https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html
-- The names x-twin-… go between this filter and Envoy's own; no client and no target ever sees them.

local SEVEN_DAYS = 604800

local function hidden(text)
  return (text:gsub(".", function(sign) return format("%02x", sign:byte()) end))
end

local function shown(text)
  if #text % 2 == 1 or text:find("%X") then return "" end
  return (text:gsub("%x%x", function(two) return string.char(tonumber(two, 16)) end))
end

local function cookie(headers, name)
  local all = headers:get("cookie")
  return all and ("; " .. all):match(";%s*" .. name:gsub("%p", "%%%0") .. "=([^;]*)")
end

-- What a cookie of ours says, unless it is stale.
local function told(headers, names, seconds)
  for _, name in ipairs(names) do
    local value = cookie(headers, name)
    local subject, object, at = shown(value or ""):match("^(%S+) (%S+) (%d+)$")
    if subject and os.time() - tonumber(at) <= seconds then return subject, object end
  end
end

-- A group whose cookie came is taken again; else one by weight. Envoy takes the group in whose span the share lies.
local function choose(headers, route, groups)
  local total, wanted = 0, nil
  if route.group_seconds then wanted = told(headers, { "AWSALBTG", "AWSALBTGCORS" }, route.group_seconds) end
  for _, group in ipairs(groups) do
    if group.cluster == wanted then
      headers:replace("x-twin-share", format("%d", total))
      return group
    end
    total = total + group.weight
  end
  local share = random(0, total - 1)
  headers:replace("x-twin-share", format("%d", share))
  for _, group in ipairs(groups) do
    if share < group.weight then return group end
    share = share - group.weight
  end
end

local encode = nil

function stick(headers, metadata)
  local route = metadata:get("sticky")
  headers:remove("x-twin-session")
  if not route then return end
  local group = choose(headers, route, route.groups)
  local cluster, target
  if group.app_cookie and cookie(headers, group.app_cookie) then
    cluster, target = told(headers, { "AWSALBAPP-0" }, group.seconds)
  elseif group.seconds and not group.app_cookie then
    cluster, target = told(headers, { "AWSALB", "AWSALBCORS" }, group.seconds)
  end
  if cluster == group.cluster then headers:replace("x-twin-session", encode(target)) end
end

local function expires()
  return "; Expires=" .. os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + SEVEN_DAYS) .. "; Path=/"
end

local function set(headers, name, value, twice)
  headers:add("set-cookie", name .. "=" .. value .. expires())
  if twice then headers:add("set-cookie", name .. "CORS=" .. value .. expires() .. "; SameSite=None" .. SETTINGS.secure) end
end

local function sets(headers, name)
  for place = 0, headers:getNumValues("set-cookie") - 1 do
    if headers:getAtIndex("set-cookie", place):sub(1, #name + 1) == name .. "=" then return true end
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local target, cluster = (headers:get("x-twin-target") or ""):match("^(%d[%d.]*:%d+) (%S+)$")
  headers:remove("x-twin-target")
  headers:remove("x-twin-session")
  local route = handle:metadata():get("sticky")
  if not (route and target) then return end
  for _, group in ipairs(route.groups) do
    if group.cluster == cluster then
      if route.group_seconds then set(headers, "AWSALBTG", hidden(cluster .. " - " .. os.time()), true) end
      local value = hidden(cluster .. " " .. target .. " " .. os.time())
      if group.app_cookie then
        if sets(headers, group.app_cookie) then
          set(headers, "AWSALBAPP-0", value)
          for place = 1, 3 do set(headers, "AWSALBAPP-" .. place, "_remove_") end
        end
      elseif group.seconds then
        set(headers, "AWSALB", value, true)
      end
    end
  end
end

local SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- Base 64, in which Envoy expects the target's address.
function encode(text)
  local parts = {}
  for at = 1, #text, 3 do
    local a, b, c = text:byte(at, at + 2)
    local number = a * 65536 + (b or 0) * 256 + (c or 0)
    for place = 3, 0, -1 do
      local sign = math.floor(number / 64 ^ place) % 64 + 1
      local there = place > 1 or (place == 1 and b) or (place == 0 and c)
      parts[#parts + 1] = there and SIGNS:sub(sign, sign) or "="
    end
  end
  return table.concat(parts)
end
