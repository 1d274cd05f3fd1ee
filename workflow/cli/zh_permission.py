"""What is said of who may do what, and of what was refused, in Chinese."""

from __future__ import annotations

PERMISSION = {
    # who is at the keyboard
    "who acts is not known: no member of the desk has the os_user {user}; you may act as: {known}": "不知道操作人：没有成员的 "
    "os_user 是 {user}；您可用的名义：{known}",
    "you, the user {user} of this system, may not act as {actor}; you may act as: {known}": "您（系统用户 {user}）不能以 {actor} "
    "的名义操作；您可用的名义：{known}",
    "whoever may `apply` lets you in desk.yaml: as an os_user of {actor}, or under act_as": "请有 `apply` 权限的人在 desk.yaml "
    "中允许：写入 {actor} 的 os_user，或写在 act_as 之下",
    "{place} lets you already; that counts once a member who may has run `ticketflow apply`, or, where nobody can, the owner "
    "of the database": "{place} 已允许您；须由有权的成员（无人可以时由数据库的所有者）运行 `ticketflow apply` 后才生效",
    "in {place} write {line} under `act_as`; that counts once a member who may has run `ticketflow apply`, or, where nobody "
    "can, the owner of the database": "请在 {place} 的 `act_as` 之下写 {line}；须由有权的成员（无人可以时由数据库的所有者）运行 "
    "`ticketflow apply` 后才生效",
    "Nobody at a command line may `apply`: this is done as the owner of the database.": "命令行上无人可以 `apply`：现以数据库所有者的身份"
    "进行。",
    "No user of this system may act as a member who may `apply`: give one an os_user in desk.yaml; then the owner of the "
    "database applies it.": "没有系统用户能以可 `apply` 的成员名义操作：请在 desk.yaml 中给其中一人写上 os_user，再由数据库的所有者启用。",
    "Tickets that are open stay with the version they were opened under. Where no user of the system may act as a member "
    "who may do this, the owner of the database does it in nobody's name.": "未结的工单仍按受理时的版本办理。没有系统用户能以可如此操作的成员"
    "名义行事时，数据库的所有者可以不以任何人的名义启用。",
    "anybody at a command line may act as {text}": "命令行上任何人都可以 {text} 的名义操作",
    "no user of the system may act as {text}, who may `apply`": "没有系统用户能以可 `apply` 的 {text} 的名义操作",
    "give one of them an os_user; only a host's own desk needs none": "请给其中一人写上 os_user；只有宿主程序自己的服务台不需要",
    "good for a trial; take it out before going live": "仅供试用；正式使用前请去掉",
    "remark": "提示",
    "This desk is on trial, where anybody here may act under other names (`act_as` in desk.yaml).": "此服务台在试用：这里任何人都可以他人名义操作（desk.yaml "
    "的 `act_as`）。",
    # how much a text may hold
    "the {field} is no text": "{field} 不是文本",
    "give a text": "请给出文本",
    "the {field} has {given} characters, and up to {longest} are kept": "{field} 有 {given} 个字符，最多保存 {longest} 个",
    "the {field} holds a NUL or half a character": "{field} 含有 NUL 或半个字符",
    "write a text": "请写文本",
    "{given} tags are too many": "标签有 {given} 个，过多",
    "a ticket or a customer has up to {most}": "一张工单或一位客户最多 {most} 个",
    # what was refused
    "See what people tried and were refused.": "查看谁尝试过什么而被拒绝。",
    "List who tried what and was refused, when, and by which rule; the oldest first.": "列出谁在何时尝试什么、因哪条规则被拒绝，旧的在前。",
    "The same within a minute is one row with its number. The user is that of the operating system, at a command line.": "一分钟内"
    "相同的合为一行并计次数。“用户”是命令行所在操作系统的用户。",
    "Only attempts under this name.": "只看以此名义的尝试。",
    "Nobody was refused anything.": "没有人被拒绝过。",
    "Remove old rows for good.": "永久删除旧行。",
    "It takes a role that may `redact`, and leaves those of the last 30 days.": "须有可以 `redact` 的角色，最近 30 天的保留。",
    "Only what was refused before then.": "只删此前被拒绝的。",
    "{count} rows are removed.": "已删除 {count} 行。",
    "refused attempts are kept for {days} days": "被拒绝的尝试保留 {days} 天",
    "give a time before {last}": "请给出 {last} 之前的时间",
    "that {actor} was refused {verb} could not be put on record: {reason}": "{actor} 被拒绝 {verb} 一事未能记录：{reason}",
    "mend that; the refusal itself stands": "请排除该问题；拒绝本身有效",
    "trigger": "触发",
    "user": "用户",
}
