"""What is said of who may do what, and of what was refused, in Chinese."""

from __future__ import annotations

PERMISSION = {
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
