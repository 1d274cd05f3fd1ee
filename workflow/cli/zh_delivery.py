"""What delivering and the outbox say, in Chinese."""

from __future__ import annotations

FAULTS = {
    "its cause has ended": "起因已结束",
    "more messages than are allowed": "消息超过允许的数量",
    "more than 100 messages in a minute, or 5 in a second": "一分钟超过 100 条，或一秒超过 5 条",
    "more than 20 messages in a minute": "一分钟超过 20 条",
    "no answer in time": "没有及时应答",
    "nobody takes it any more": "已没有发送途径",
    "the address is wrong": "地址不对",
    "the address is wrong, or the bot is no longer in its group": "地址不对，或机器人已不在群里",
    "the bot is not in the group": "机器人不在群里",
    "the bot was switched off": "机器人已停用",
    "the group was dissolved": "群已解散",
    "the keyword that the bot demands is not in the text": "消息中没有机器人要求的关键词",
    "the message is not taken in this form": "不接受这种形式的消息",
    "the provider is busy": "对方系统繁忙",
    "the server's name cannot be used": "服务器的名称无法使用",
    "the server's name, or the proxy's address, cannot be used": "服务器的名称或代理的地址无法使用",
    "the signature is wrong, or this clock is more than an hour off": "签名不对，或本机时钟相差超过一小时",
    "the signature, the keyword or the IP address is not what the bot demands": "签名、关键词或 IP 地址不符合机器人的要求",
    "the text holds a link that is not allowed": "消息中有不允许的链接",
    "the text is not allowed": "消息内容不被允许",
    "the token is wrong": "token 不对",
    "there is no such bot": "没有这个机器人",
    "this IP address is not allowed": "不允许这个 IP 地址",
    "this is no whole answer of a web server": "这不是网页服务器的完整应答",
    "too many at once": "同时请求过多",
    "too many requests, or a form that is not taken": "请求过多，或不接受这种形式",
}
DELIVERY = {
    "At most so many messages.": "最多这么多条消息。",
    "Each run is a line on standard error; with --json, also an object on standard output. Ctrl-C or SIGTERM stop it "
    "after the chunk in hand. It is safe beside cron and beside other schedulers: nothing fires twice.": "每次运行在标准错误输出"
    "写一行；加 --json 时还在标准输出写一个对象。Ctrl-C 或 SIGTERM 会在手头这一批完成后停止。可与 cron 及其他调度器同时运行：不会重复执行。",
    "Every message that was given up.": "所有已放弃的消息。",
    "Make messages due again: those that were given up, that wait for their next try, or that are held.": "让消息重新发送：已放弃的、"
    "正等待重试的，或暂缓的。",
    "Held until the hours in which people are told: {held}.": "暂缓到可以通知的时段再发：{held} 条。",
    "given up, tries: {tries}": "已放弃，共尝试 {tries} 次",
    "held": "暂缓",
    "held until {when}": "暂缓到 {when}",
    "The outlet {outlet} has no address here: {setting} is not set, and what is for it waits.": "出口 {outlet} 在此没有地址：没有设置 {setting}，"
    "发往它的消息在等待。",
    "copy the bot's address from its group; it begins with https://": "请从群里复制机器人的地址；它以 https:// 开头",
    "outlets without an address here": "在此没有地址的出口",
    "set it where `ticketflow deliver` or `ticketflow scheduler` runs": "请在运行 `ticketflow deliver` 或 `ticketflow scheduler` 的地方设置",
    "the action {name} is registered twice": "动作 {name} 登记了两次",
    "the outlet {outlet} has no address here: {setting} is not set, and what is for it waits": "出口 {outlet} 在此没有地址：没有设置 {setting}，"
    "发往它的消息在等待",
    "Nobody takes {unrouted} of them: set webhook_url or smtp_url, or register the host's action.": "其中 {unrouted} 条没有发送途径："
    "请设置 webhook_url 或 smtp_url，或登记宿主程序的动作。",
    "Only messages in this state.": "只看这一状态的消息。",
    "Run timeouts as they fall due and send messages, until told to stop.": "到期即执行超时并发送消息，直到被要求停止。",
    "See what must be told to whom, and bring back what failed.": "查看要通知谁什么，并重发失败的消息。",
    "Send the messages that are due.": "发送到时的消息。",
    "They leave by a signed webhook, by mail, and by the outlets of desk.yaml: bots of WeCom, DingTalk and Feishu, and "
    "files. Addresses and secrets are set in the environment or in ticketflow.toml (webhook_url, webhook_secret, "
    "smtp_url; TICKETFLOW_OUTLET_NAME_URL and _SECRET, or url and secret under [outlets.NAME]). What fails is tried "
    "again later, at growing intervals. Any number of these may run at a time. Meant for cron:": "消息经签名的 webhook、邮件和 desk.yaml "
    "中的出口（企业微信、钉钉、飞书的群机器人，以及文件）发出。地址和密钥由环境变量或 ticketflow.toml 设置（webhook_url、webhook_secret、smtp_url；"
    "TICKETFLOW_OUTLET_NAME_URL 和 _SECRET，或 [outlets.NAME] 下的 url 和 secret）。失败的稍后重试，间隔逐次加长。可同时运行多个。适合放进 cron：",
    "a delivery cannot take fewer than no messages": "发送的消息不能少于零条",
    "a server cannot be waited for {given} seconds": "不能等待服务器 {given} 秒",
    "a webhook needs a secret that signs what it is sent": "webhook 需要一个签名用的密钥",
    "call deliver on the desk itself, after the commit": "请在提交之后，用服务台本身发送",
    "copy it anew": "请重新复制",
    "But: {reason}": "但是：{reason}",
    "List the outlets of desk.yaml, mail and the webhook, and which of their settings are made here.": "列出 desk.yaml 的出口、邮件和 "
    "webhook，以及各自的设置在此是否已有。",
    "No setting is ever shown, only whether it is there: run this as the user, and where, `ticketflow deliver` runs.": "从不显示设置的内容，"
    "只说明有没有：请在运行 `ticketflow deliver` 的地方，用同一个用户运行。",
    "Says the receiver's own code, whether a message would be tried again, and what mends it. The books know nothing of "
    "it; the group, the mailbox or the receiver (a message of the kind `trial`, of ticket 0) does.": "说明对方的代码、消息是否会重试，"
    "以及怎样解决。账上不留记录；群、邮箱或接收方会收到（类别为 `trial`、工单 0 的消息）。",
    "See by which ways messages leave, and try one before going live.": "查看消息从哪些途径发出，并在上线前试发。",
    "Send one text by OUTLET, `mail` or `webhook`, at once and as `deliver` would; exit 9 if it is not taken.": "经 OUTLET、`mail` 或 "
    "`webhook` 立即发一条文字，与 `deliver` 的发法相同；对方不接受时退出码为 9。",
    "Sent by {outlet}.": "已经由 {outlet} 发出。",
    "The member or team that is called or written to; for mail there must be one.": "要点名或写信的成员或团队；邮件必须给出。",
    "What is said; a sentence that this is a trial unless given.": "要说的话；不给出则说明这是一次试发。",
    "compare {settings} with what the receiver shows; docs/outlets.md has the providers' codes": "请把 {settings} 与接收方显示的核对；各家的代码见 "
    "docs/outlets.md",
    "desk.yaml names them": "desk.yaml 里有他们的名字",
    "everybody else": "其余的人",
    "for whom": "对象",
    "is set": "已设置",
    "leave it alone for {wait}, as it asks, and try again": "请按对方要求等 {wait} 再试",
    "mail goes to somebody": "邮件要有收件人",
    "members with an email": "有 email 的成员",
    "not set": "未设置",
    "outlet": "出口",
    "say to whom: --to MEMBER, or a team": "请说明发给谁：--to 成员或团队",
    "see that its folder is there, and that this user may write to it": "请确认它所在的文件夹存在，且本用户可以写入",
    "see the email in desk.yaml, or try another --text": "请查看 desk.yaml 中的 email，或换一个 --text",
    "see whether this machine reaches the server: name, network, HTTPS_PROXY, and SSL_CERT_FILE for TLS": "请查看本机能否连到对方服务器："
    "名称、网络、HTTPS_PROXY；TLS 还要看 SSL_CERT_FILE",
    "settings": "设置",
    "the outlets are: {known}": "出口有：{known}",
    "there is no member and no team {to}": "没有成员或团队 {to}",
    "there is no outlet {outlet}": "没有出口 {outlet}",
    "try another --text; docs/outlets.md has the codes": "请换一个 --text；代码见 docs/outlets.md",
    "try that one, or leave --to out": "请试那一个，或不给 --to",
    "{outlet} did not take it, and a message would be tried again: {reason}": "{outlet} 没有接受，消息会重试：{reason}",
    "{outlet} refuses this for good: {reason}": "{outlet} 永久拒绝：{reason}",
    "{setting} is set, and desk.yaml has no outlet {outlet}.": "设置了 {setting}，而 desk.yaml 没有出口 {outlet}。",
    "{to} is told by {other}, not by {outlet}": "{to} 由 {other} 通知，而不是 {outlet}",
    "failed": "已放弃",
    "give more than 0 and at most 30": "请给出大于 0、不超过 30 的数",
    "give their ids, or --all": "请给出编号，或用 --all",
    "list the messages with `ticketflow outbox list`": "用 `ticketflow outbox list` 列出消息",
    "message {message} is {found}, and is not tried again": "消息 {message} {found}，不再重试",
    "messages leave when they are committed, not inside a host's transaction": "消息在提交之后才发出，不在宿主的事务之内",
    "only what failed or waits can be": "只有已放弃或等待中的才可以",
    "recipient": "收件人",
    "say which messages to try again": "请说明重发哪些消息",
    "sending": "发送中",
    "sent": "已发送",
    "set TICKETFLOW_WEBHOOK_SECRET, and tell it to the receiver": "请设置 TICKETFLOW_WEBHOOK_SECRET，并告知接收方",
    "the setting {field} cannot be used": "设置 {field} 无法使用",
    "the webhook's secret begins with whsec_ and is no base64": "webhook 的密钥以 whsec_ 开头，却不是 base64",
    "there is no message {message}": "没有消息 {message}",
    "write webhook_url like https://host/path, smtp_url like smtp://user:password@host:587?from=desk@example.org": "webhook_url "
    "请写成 https://host/path，smtp_url 请写成 smtp://user:password@host:587?from=desk@example.org",
    "{many} messages are due again.": "{many} 条消息将重新发送。",
    "{sent} sent, {failed} failed, {given_up} given up, {suppressed} suppressed, {waiting} waiting.": "已发送 {sent}，失败 {failed}，"
    "放弃 {given_up}，不再发送 {suppressed}，待发送 {waiting}。",
}
