-- What an application load balancer does to a request before it forwards it. The table SETTINGS stands above this text.
-- https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html

math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 2147483647)

local MOST_FORWARDERS, LONGEST_PATH, LONGEST_TRACE = 30, 16384, 7168
local random, format = math.random, string.format

local function trace_part(name)
  local a, b, c = random(0, 4294967295), random(0, 4294967295), random(0, 4294967295)
  return format("%s=1-%08x-%08x%08x%08x", name, os.time(), a, b, c)
end

-- A Root that came stays, with whatever an application added; a Self that came is another balancer's and is replaced.
local function trace(headers)
  local given = headers:get("x-amzn-trace-id")
  if given == nil or given == "" or #given > LONGEST_TRACE then
    headers:replace("x-amzn-trace-id", trace_part("Root"))
  elseif given:find("Root=", 1, true) then
    local kept = (";" .. given):gsub(";%s*Self=[^;]*", ""):sub(2)
    headers:replace("x-amzn-trace-id", trace_part("Self") .. ";" .. kept)
  else
    headers:replace("x-amzn-trace-id", trace_part("Root") .. ";" .. given)
  end
end

local TITLES = {
  ["301"] = "301 Moved Permanently", ["302"] = "302 Found", ["405"] = "405 Method Not Allowed",
  ["414"] = "414 Request-URI Too Large",
}

local function page(status)
  local title = TITLES[status] or status
  return "<html>\r\n<head><title>" .. title .. "</title></head>\r\n<body>\r\n<center><h1>" .. title
    .. "</h1></center>\r\n</body>\r\n</html>\r\n"
end

local function answer(handle, status, more)
  local headers = { [":status"] = status, ["server"] = SETTINGS.server, ["content-type"] = "text/html" }
  for name, value in pairs(more or {}) do headers[name] = value end
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
local function forwarded_for(headers, client, given)
  if SETTINGS.forwarded_for == "remove" then
    if given then headers:remove("x-forwarded-for") end
  elseif SETTINGS.forwarded_for ~= "preserve" then
    local added = SETTINGS.forwarded_for == "append-port" and client or client:gsub(":%d+$", "")
    headers:replace("x-forwarded-for", given and given .. ", " .. added or added)
  end
end

local function is_grpc(headers)
  return (headers:get("content-type") or ""):sub(1, 16) == "application/grpc"
end

-- Which protocol a group speaks bars requests that it could not take.
local function incompatible(handle, headers, version)
  if version == "HTTP1" then return is_grpc(headers) end
  if handle:streamInfo():protocol() ~= "HTTP/2" then return true end
  return version == "GRPC" and headers:get(":method") ~= "POST"
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local method = headers:get(":method")
  if method == "TRACE" then
    answer(handle, "405")
    return
  end
  if #headers:get(":path") > LONGEST_PATH then
    answer(handle, "414")
    return
  end
  local given = headers:get("x-forwarded-for")
  if given and select(2, given:gsub(",", "")) >= MOST_FORWARDERS then
    answer(handle, "463")
    return
  end
  local client = handle:streamInfo():downstreamDirectRemoteAddress()
  forwarded_for(headers, client, given)
  trace(headers)
  if SETTINGS.source_header then headers:replace(SETTINGS.source_header, as_bits(client)) end
  -- To look at the route costs more than all above: most listeners only forward HTTP/1.1.
  if not (SETTINGS.by_route or (method == "POST" and is_grpc(headers))) then return end
  -- The headers have changed, so this is the route that they lead to now.
  local route = handle:metadata()
  local to = route:get("redirect")
  if to then
    redirect(handle, headers, to)
    return
  end
  local version = route:get("version")
  if version and incompatible(handle, headers, version) then
    answer(handle, "464")
    return
  end
  if stick then stick(headers, route) end
end
