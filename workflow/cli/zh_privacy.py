"""What the commands about personal data say, in Chinese."""

from __future__ import annotations

PRIVACY = {
    "Show personal data, if a role of yours may. It is recorded.": "显示个人信息（须有相应角色，会留下记录）。",
    "Why you need to see them, for the record.": "为何需要查看，写入记录。",
    "--reason says why personal data is shown": "--reason 用来说明为何显示个人信息",
    "say --reveal too": "请同时写 --reveal",
    "List who was shown personal data of which tickets, and why.": "列出谁因何查看过哪些工单的个人信息。",
    "Each use of --reveal is a row for each ticket that was shown, the oldest first. Nothing takes one away.": "每次使用 "
    "--reveal，所显示的每张工单各记一行，旧的在前，不会删除。",
    "Only of this ticket.": "只看这张工单。",
    "Only rows after this one.": "只看此行之后的。",
    "Nobody was shown any.": "没有人查看过。",
    "fields": "字段",
}
