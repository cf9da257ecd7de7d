-- What an application load balancer does to a request before it forwards it. The table SETTINGS stands above this text.
-- https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html

math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 2147483647)

local function random_hex(bytes)
  local parts = {}
  for i = 1, bytes do parts[i] = string.format("%02x", math.random(0, 255)) end
  return table.concat(parts)
end

local function trace_part(name)
  return string.format("%s=1-%08x-%s", name, os.time(), random_hex(12))
end

local function trace(headers)
  local given = headers:get("x-amzn-trace-id")
  if given == nil or given == "" then
    headers:replace("x-amzn-trace-id", trace_part("Root"))
  elseif given:find("Root=", 1, true) then
    headers:replace("x-amzn-trace-id", trace_part("Self") .. ";" .. given)
  else
    headers:replace("x-amzn-trace-id", trace_part("Root") .. ";" .. given)
  end
end

local function drop_invalid(headers)
  local found = {}
  for name, _ in pairs(headers) do
    if name:sub(1, 1) ~= ":" and name:find("[^%w%-]") then found[#found + 1] = name end
  end
  for _, name in ipairs(found) do headers:remove(name) end
end

local TITLES = { ["301"] = "301 Moved Permanently", ["302"] = "302 Found", ["463"] = "463" }

local function page(status)
  local title = TITLES[status]
  return "<html>\r\n<head><title>" .. title .. "</title></head>\r\n<body>\r\n<center><h1>" .. title
    .. "</h1></center>\r\n</body>\r\n</html>\r\n"
end

local function answer(handle, status, more)
  local headers = { [":status"] = status, ["server"] = "awselb/2.0", ["content-type"] = "text/html" }
  for name, value in pairs(more) do headers[name] = value end
  handle:respond(headers, page(status))
end

local function redirect(handle, headers, to)
  local authority = headers:get(":authority") or ""
  local path, query = headers:get(":path"):match("^([^?]*)%??(.*)$")
  local own = {
    protocol = to.own_protocol,
    host = authority:gsub(":%d+$", ""),
    port = to.own_port,
    path = path:gsub("^/", ""),
    query = query,
  }
  local function filled(text)
    return (text:gsub("#{(%a+)}", function(name) return own[name] end))
  end
  local search = filled(to.query)
  local location = filled(to.protocol):lower() .. "://" .. filled(to.host) .. ":" .. filled(to.port) .. filled(to.path)
  if search ~= "" then location = location .. "?" .. search end
  answer(handle, to.status, { location = location })
end

local function bits(number)
  local parts = {}
  for i = 8, 1, -1 do
    parts[i] = number % 2
    number = math.floor(number / 2)
  end
  return table.concat(parts)
end

local function as_bits(address)
  local a, b, c, d = address:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)")
  return bits(tonumber(a)) .. bits(tonumber(b)) .. bits(tonumber(c)) .. bits(tonumber(d))
end

-- Envoy itself would write its own address in place of a client on the loopback.
local function forwarded_for(headers, client)
  local given = headers:get("x-forwarded-for")
  if SETTINGS.forwarded_for == "remove" then
    headers:remove("x-forwarded-for")
  elseif SETTINGS.forwarded_for ~= "preserve" then
    local added = SETTINGS.forwarded_for == "append-port" and client or client:gsub(":%d+$", "")
    headers:replace("x-forwarded-for", given and given .. ", " .. added or added)
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if SETTINGS.drop_invalid then drop_invalid(headers) end
  local given = headers:get("x-forwarded-for")
  if given and select(2, given:gsub(",", "")) >= 30 then
    answer(handle, "463", {})
    return
  end
  local client = handle:streamInfo():downstreamDirectRemoteAddress()
  forwarded_for(headers, client)
  trace(headers)
  if SETTINGS.source_header then headers:replace(SETTINGS.source_header, as_bits(client)) end
  -- The headers have changed, so this is the route that they lead to now.
  local to = handle:metadata():get("redirect")
  if to then redirect(handle, headers, to) end
end
