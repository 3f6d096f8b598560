-- Keeps a visitor until Caddy listens: for as long as its container may take to be replaced.
local SECONDS = 40

local function hold(name)
	return function()
		local ends = core.now().sec + SECONDS
		while core.now().sec < ends do
			local caddy = core.tcp()
			caddy:settimeout(1)
			local listens = caddy:connect("unix@/sockets/current/" .. name .. ".sock")
			caddy:close()
			if listens then
				return
			end
			core.msleep(100)
		end
	end
end

core.register_action("hold_http", { "tcp-req" }, hold("http"))
core.register_action("hold_https", { "tcp-req" }, hold("https"))
