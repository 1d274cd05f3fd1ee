"""What the command line says, in Chinese: English sentence -> Chinese sentence with the same names in braces."""

from __future__ import annotations

from workflow.cli.zh_audit import AUDIT
from workflow.cli.zh_calendar import CALENDAR
from workflow.cli.zh_delivery import DELIVERY, FAULTS
from workflow.cli.zh_errors import ERRORS
from workflow.cli.zh_explain import EXPLAIN
from workflow.cli.zh_figures import FIGURES
from workflow.cli.zh_migrate import MIGRATE
from workflow.cli.zh_permission import PERMISSION
from workflow.cli.zh_privacy import PRIVACY
from workflow.cli.zh_problems import PROBLEMS
from workflow.cli.zh_sorting import SORTING
from workflow.cli.zh_speech import SPEECH
from workflow.cli.zh_store import STORE
from workflow.cli.zh_time import TIME

WORDS = {
    "Commands": "命令",
    "Error:": "错误：",
    "Warning:": "注意：",
    "; ": "；",
    "Fields": "字段",
    "Options": "选项",
    "Usage:": "用法：",
    "advanced": "推进",
    "assigned": "分派",
    "assignee": "处理人",
    "call": "外部调用",
    "called": "已调用",
    "change": "变化",
    "changed": "有改动",
    "channel": "渠道",
    "customer": "客户",
    "default": "默认",
    "desk": "服务台",
    "details": "详情",
    "error": "错误",
    "escalate": "上报",
    "escalated": "已上报",
    "external id": "外部编号",
    "fired": "到时执行",
    "high": "高",
    "id": "编号",
    "incident": "异常",
    "kind": "类别",
    "label": "名称",
    "linked": "关联",
    "low": "低",
    "name": "标识",
    "new": "新增",
    "next due": "下次到期",
    "no": "否",
    "normal": "普通",
    "noted": "备注",
    "notified": "已通知",
    "notify": "通知",
    "opened": "受理",
    "opened at": "受理时间",
    "overtaken": "已无需执行",
    "priority": "优先级",
    "raised": "请求协助",
    "relabelled": "仅改名称",
    "required": "必填",
    "retired": "停用",
    "seq": "序号",
    "set": "修改",
    "since": "进入时间",
    "skipped": "跳过",
    "state": "状态",
    "states": "状态",
    "status": "发送情况",
    "suppressed": "不再发送",
    "tagged": "标签",
    "tags": "标签",
    "policy": "分派方式",
    "transferred": "转派",
    "the customer was told": "已告知客户",
    "Hand ticket ID over to another team, member or expert.": "把工单 ID 转给其他组、成员或专家。",
    "Tag the ticket with it: an expert of the team goes on.": "以此技能为标签，由组内专家继续。",
    "The customer is told first; say --announced when that is done. Whoever goes on is told as well.": "转派前先告知客户，"
    "告知后加 --announced。接手人也会收到通知。",
    "The customer was told that somebody else goes on.": "已告知客户将由他人继续处理。",
    "The team, or the member.": "组或成员。",
    "team": "组",
    "ticket": "工单",
    "ticket version": "工单版本",
    "type": "类型",
    "unattended": "无人可派",
    "unchanged": "无变化",
    "updated at": "更新时间",
    "urgent": "紧急",
    "used_up": "次数用尽",
    "version": "版本",
    "waiting": "待发送",
    "warning": "警告",
    "what": "事项",
    "when": "时间",
    "who": "操作人",
    "why": "原因",
    "with": "负责",
    "yes": "是",
}

HELP = {
    # the command itself
    "Run a service desk: tickets, their rules, their time limits.": "运行一个服务台：工单、规则和时限。",
    "The options below may also follow the command. Each but --json can be set by environment, like TICKETFLOW_DATABASE, "
    "and in the nearest ticketflow.toml.": "下列选项也可写在命令之后。除 --json 外，都可用环境变量（如 TICKETFLOW_DATABASE）"
    "或最近的 ticketflow.toml 设置。",
    "Exit codes: 0 done, 1 unexpected, 2 usage, 3 a definition is wrong, 4 not found, 5 refused by the rules, 6 conflict, "
    "7 the store is unavailable, 8 a batch was done in part, 9 the desk is not healthy, 130 interrupted.": "退出码：0 完成，1 意外错误，2 用法错误，"
    "3 定义有误，4 不存在，5 规则不允许，6 冲突，7 数据库不可用，8 只完成一部分，9 服务台不正常，130 被中断。",
    "The desk's database; sqlite:///ticketflow.db unless set.": "服务台的数据库；不设则为 sqlite:///ticketflow.db。",
    "The folder of definitions; ./definitions, else the shipped ones.": "定义所在的文件夹；默认 ./definitions，否则用自带的。",
    "The member who acts.": "操作人。",
    "The language of messages and labels.": "消息和名称的语言。",
    "A host's own desk, with its conditions and actions.": "宿主程序自己的服务台，带其条件和动作。",
    "How long to wait for a locked database; 5 unless set.": "数据库被锁时等待多久；默认 5 秒。",
    "Run a trial desk on a virtual clock that stands at TIME.": "让试用服务台按停在 TIME 的虚拟时钟运行。",
    "Print JSON, one object a line, or a table.": "输出 JSON（每行一个对象）或表格。",
    "Print the version, and where it was imported from.": "显示版本和载入位置。",
    "Show this message and exit.": "显示本说明。",
    # definitions
    "Make a new desk in FOLDER, ready to edit.": "在 FOLDER 中建立新的服务台，可直接修改。",
    "The shipped definitions and a ticketflow.toml are copied there (the present folder, unless named). Nothing is ever "
    "overwritten.": "把自带的定义和 ticketflow.toml 复制过去（不写则为当前文件夹）。从不覆盖已有文件。",
    "Check the definitions and report every problem at once.": "检查定义，一次列出全部问题。",
    "Each problem is a line `file:line:column: severity code: message (suggestion)`. Exits 3 if there are errors.": "每个问题一行："
    "`文件:行:列: 级别 代码: 说明（建议）`。有错误时退出码为 3。",
    "Warnings count as errors.": "警告也算错误。",
    "Put the definitions in force.": "让定义生效。",
    "Say what would change, and change nothing.": "只说明会有什么变化，不做改动。",
    "Editors complete and check a definition that names it in its first line, as the shipped ones do.": "定义文件首行写明它之后，"
    "编辑器便能补全和检查；自带的定义就是这样写的。",
    "List the ticket types in force.": "列出生效的工单类型。",
    "Draw a ticket type as a Mermaid diagram.": "把工单类型画成 Mermaid 图。",
    "Without --ticket it is drawn from the files, so that what is being edited can be seen.": "不加 --ticket 时按文件绘制，"
    "便于边改边看。",
    "Mark where this ticket is, and has been.": "标出该工单现在和曾经所在的状态。",
    # tickets
    "Open a ticket of TYPE.": "受理一张 TYPE 类型的工单。",
    "A field of the ticket; @FILE reads it from a file. Repeatable.": "工单字段；@FILE 从文件读取。可重复。",
    "A field of the ticket; NAME= empties it, @FILE reads it from a file. Repeatable.": "工单字段；NAME= 清空，"
    "@FILE 从文件读取。可重复。",
    "A field to fill on the way; @FILE reads it from a file. Repeatable.": "推进时填写的字段；@FILE 从文件读取。可重复。",
    "A field of the customer. Repeatable.": "客户字段。可重复。",
    "Where the contact came from.": "来件渠道。",
    "low, normal, high or urgent.": "low（低）、normal（普通）、high（高）或 urgent（紧急）。",
    "Repeatable.": "可重复。",
    "Its name in another system; opening it twice is a conflict.": "在其他系统中的编号；重复受理即为冲突。",
    "A remark for the history.": "记入经过的备注。",
    "When it happened, if earlier than now; in the desk's zone.": "实际发生的时间（早于现在时填写），按服务台时区。",
    "Makes a repeated call return the first one's result.": "用同一键重复调用时，返回第一次的结果。",
    "Only if the ticket is still at this ticket_version (else exit 6).": "仅当工单仍是此 ticket_version（否则退出码 6）。",
    "Give ticket ID to a team or a member.": "把工单 ID 分派给组或成员。",
    "Take it from its assignee instead.": "改为收回，不指定处理人。",
    "Take ticket ID.": "认领工单 ID。",
    "Record that the customer of ticket ID asks again.": "记录工单 ID 的客户再次来电催促（催单）。",
    "What that does, such as raising the priority, the ticket's type says under its trigger `urge`.": "其作用（如提高优先级）由该类型的操作 `urge` 规定。",
    "Write TEXT down in the history of ticket ID.": "把 TEXT 记入工单 ID 的经过。",
    "Fill, change or empty fields of ticket ID, or set its priority.": "填写、修改或清空工单 ID 的字段，或设置优先级。",
    "Tag ticket ID, or take tags away.": "给工单 ID 加标签或去掉标签。",
    "Take this tag away. Repeatable.": "去掉此标签。可重复。",
    "Tag the ticket's customer instead.": "改为给工单的客户加标签。",
    "Link ticket ID to the ticket OTHER.": "把工单 ID 与工单 OTHER 关联。",
    "What the other ticket is to it.": "另一工单与它的关系。",
    "Call the team lead to ticket ID.": "请班长协助处理工单 ID。",
    "Why.": "原因。",
    "Fire TRIGGER on one or more tickets.": "对一张或多张工单执行 TRIGGER。",
    "Each ticket is a unit of its own: one that is refused does not stop the others, and the exit code is then 8.": "每张工单独立处理："
    "一张被拒不影响其他，此时退出码为 8。",
    "Take the ids from a file or `-`: one a line, or the lines that `list --json` prints.": "从文件或 `-` 读取编号：每行一个，"
    "或 `list --json` 输出的行。",
    # reading
    "List tickets.": "列出工单。",
    "With --json each line is one ticket. `limits` says who an escalation is with, what is promised and which SLA clocks "
    "run; on a narrow terminal an arrow marks what is escalated.": "加 --json 时每行一张工单。“时限”列出上报由谁负责、对客户的承诺和计时中的时限；"
    "终端较窄时以箭头标出已上报的。",
    "Find tickets whose fields, customer or tags contain TEXT.": "查找字段、客户或标签中含 TEXT 的工单。",
    "Only this ticket type.": "只看此类型。",
    "Only in this state.": "只看此状态。",
    "Only in this stage.": "只看此阶段。",
    "Only this team's.": "只看此组。",
    "Only this member's.": "只看此成员。",
    "Only those assigned to you.": "只看分派给您的。",
    "Only this priority.": "只看此优先级。",
    "Only this customer's: an id, or a part of what is known of them.": "只看此客户：编号，或其资料中的一部分。",
    "Only with this tag.": "只看有此标签的。",
    "Only from this channel.": "只看此渠道。",
    "Only opened at this time or later.": "只看此时间及以后受理的。",
    "Only archived at this time or later.": "只看此时及以后归档的。",
    "Only archived before this time.": "只看此时以前归档的。",
    "Only the one of this contact: opened by it or joined.": "只看此外部编号的来件所开或并入的工单。",
    "Only opened before this time.": "只看此时间之前受理的。",
    "Only those whose next due time has passed.": "只看已超过下次到期时间的。",
    "The order; a minus turns it round.": "排序；加减号则倒序。",
    "At most so many.": "最多这么多条。",
    "Go on where a page ended, as it said.": "从上一页给出的位置继续。",
    "All of them.": "全部。",
    "Show ticket ID, and what can happen to it next.": "显示工单 ID 及下一步可做的操作。",
    "Each trigger is shown with where it leads, or with the reason why not.": "每个操作都注明去向，或不能执行的原因。",
    "Show everything that happened to ticket ID, in order.": "按顺序显示工单 ID 的全部经过。",
    "Write tickets as CSV or JSON Lines.": "把工单导出为 CSV 或 JSON Lines。",
    "In CSV no cell is a formula to a spreadsheet: one that looks like it starts with an apostrophe.": "CSV 中没有会被表格软件"
    "当作公式的单元格：形似公式的前面加撇号。",
    "The form.": "格式。",
    "Write here instead.": "改写到此文件。",
    # intake
    "Take in contacts from FILE: CSV, TSV or JSON Lines, also gzipped; `-` is standard input.": "从 FILE 批量受理：CSV、TSV 或 "
    "JSON Lines，也可为 gzip；`-` 为标准输入。",
    "The ticket type, where no column says it.": "没有类型列时的工单类型。",
    "Which column fills what: a field, customer.NAME, external_id, opened_at, type, channel, priority or tags. Without "
    "it, columns of these names are taken.": "哪一列填什么：字段、customer.NAME、external_id、opened_at、type、channel、priority "
    "或 tags。不写则取同名的列。",
    "The zone of times without an offset; the desk's unless said.": "未带时差的时间所属时区；默认为服务台时区。",
    "What becomes of time limits that had passed already: only recorded, or fired with their messages.": "已过的时限如何处理："
    "只记录，或照常执行并发消息。",
    "The form, where the name does not tell.": "文件名看不出时的格式。",
    "For example gb18030.": "例如 gb18030。",
    "Where rows go that cannot be taken in; FILE.rejects.csv here unless said.": "无法受理的行写到哪里；"
    "默认为当前文件夹的 FILE.rejects.csv。",
    # running
    "Fire what is due.": "执行到期事项。",
    "Fire every timer that is due, once.": "把到期的计时器各执行一次。",
    "Fire what was due at TIME; not later than now.": "执行在 TIME 时已到期的；不得晚于现在。",
    "At most so many tickets.": "最多这么多张工单。",
    "How often to look.": "查看的间隔。",
    "List the messages, the oldest first.": "列出消息，最早的在前。",
    "Only messages after this one.": "只看此条之后的。",
    "Look after the tables.": "维护数据表。",
    "Show which revision the tables have, and which this release needs.": "显示数据表的版本和本程序需要的版本。",
    "Bring the tables to the revision that this release needs. Make a backup first.": "把数据表升级到本程序需要的版本。请先备份。",
    "Tell the story of a desk in a folder of its own.": "在单独的文件夹里演示一个服务台。",
    "Contacts come in, tickets of every type go through to the archive, a move is refused, a time limit passes and the "
    "team lead is told; at night the supervisor, and in the morning somebody acknowledges. The commands are those that "
    "a desk would use, on a virtual clock.": "来件进入，各类工单办到归档，一次操作被拒，一个时限超过并通知班长；夜间通知主管，早上有人接手。"
    "所用即服务台的日常命令，按虚拟时钟运行。",
    "Do it in DIR, and leave it there.": "在 DIR 中进行并保留。",
    "Print the completion script for a shell.": "输出 shell 的补全脚本。",
    "Write it where your shell looks for such scripts:": "写到您的 shell 查找补全脚本的位置：",
}

SAID = {
    " (needs {fields})": "（需填 {fields}）",
    "A new desk is in {folder}: {count} definitions and {file}.": "新的服务台在 {folder}：{count} 个定义和 {file}。",
    "Edit definitions/desk.yaml (people, teams, zone), then run `ticketflow check` there.": "请修改 definitions/desk.yaml"
    "（人员、组、时区），再在那里运行 `ticketflow check`。",
    "Interrupted. What was committed stays.": "已中断。已提交的保留。",
    "Newer public holidays are known, {editions}; `ticketflow apply` re-arms open tickets by them.": "本版本有更新的"
    "公共假期表 {editions}；执行 `ticketflow apply` 后，未结工单按新表重新计时。",
    "No messages.": "没有消息。",
    "No tickets.": "没有工单。",
    "Once a database has a desk, edits count from `ticketflow apply` on.": "数据库里有了服务台之后，修改从 `ticketflow apply` 起生效。",
    "Ticket {ticket}: ": "工单 {ticket}：",
    "Urged ticket {ticket}; its priority is {priority}.": "工单 {ticket} 已催单；优先级为 {priority}。",
    "Noted on ticket {ticket}.": "已记入工单 {ticket}。",
    "Of {rearmed} open tickets the timers are armed anew: {moved} due times move.": "{rearmed} 张未结工单的定时重新计算：{moved} 个到期时间有变动。",
    "{count} tickets could not be decided: see `ticketflow incident list`.": "{count} 张工单无法处理：见 `ticketflow incident list`。",
    "Nothing was changed; without --dry-run this is put in force.": "未做改动；不加 --dry-run 即生效。",
    "Nothing: it is archived.": "无：已归档。",
    "The definition files differ from what is in force; see `ticketflow apply --dry-run`.": "定义文件与生效的不同；"
    "请看 `ticketflow apply --dry-run`。",
    "The key was used before: this is the first call's result, and nothing was done again.": "此键已用过：这是第一次的结果，"
    "没有再次执行。",
    "There are more: --after {next}, or --all.": "还有更多：--after {next}，或 --all。",
    "Ticket {ticket}": "工单 {ticket}",
    "Ticket {ticket} has the tags: {tags}.": "工单 {ticket} 的标签：{tags}。",
    "The customer of ticket {ticket} has the tags: {tags}.": "工单 {ticket} 的客户的标签：{tags}。",
    "Ticket {ticket} is changed.": "工单 {ticket} 已修改。",
    "Ticket {ticket} is linked to {other}.": "工单 {ticket} 已与 {other} 关联。",
    "Ticket {ticket} is open: {type}, in {state}, with {owner}.": "工单 {ticket} 已受理：{type}，在 {state}，由 {owner} 负责。",
    "No second ticket: joined to ticket {ticket}, open since {since}, for the same {why}. Its priority is {priority}, it "
    "is in {state}, with {owner}.": "未另开工单：已并入 {since} 受理的工单 {ticket}，相同之处：{why}。优先级{priority}，在 {state}，"
    "由 {owner} 负责。",
    "Ticket {ticket} is with {owner}.": "工单 {ticket} 由 {owner} 负责。",
    "Ticket {ticket}: {trigger}; now in {state}, with {owner}.": "工单 {ticket}：{trigger}；现在 {state}，由 {owner} 负责。",
    "What can happen next, by {actor}": "{actor} 下一步可做",
    "no: {reason}": "不可：{reason}",
    "stays here": "留在原处",
    "{count} ticket types: {types}; {errors} errors, {warnings} warnings": "{count} 个工单类型：{types}；{errors} 个错误，"
    "{warnings} 个警告",
    "{errors} errors, {warnings} warnings; nothing is loaded": "{errors} 个错误，{warnings} 个警告；未载入任何定义",
    "{count} tickets written to {file}.": "已把 {count} 张工单写入 {file}。",
    "{database}: revision {after} (was {before})": "{database}：版本 {after}（原为 {before}）",
    "{database}: revision {found}; this release needs {head}": "{database}：版本 {found}；本程序需要 {head}",
    "{done} done.": "完成 {done} 张。",
    "{opened} opened, {joined} joined, {known} known already, {rejected} rejected, in {seconds} s": "受理 {opened}，"
    "催单并入 {joined}，已有 {known}，"
    "未受理 {rejected}，用时 {seconds} 秒",
    # the demo
    "A new desk: definitions, people, teams. Every mistake in them would be shown here.": "新的服务台：定义、人员、组。"
    "其中若有错误，会在这里全部列出。",
    "The contacts of three days come in: phone, web, WeChat, Weibo, Douyin and app.": "三天的来件进入：电话、网页、微信、微博、"
    "抖音和 APP。",
    "Running it again adds nothing.": "再运行一次，不会多出工单。",
    "The complaints that nobody has taken up yet:": "还没有人接手的投诉：",
    "An emergency is reported, and nobody takes it up. After a minute it goes to another agent, and the lead and the "
    "supervisor are told.": "来了一个紧急事件，无人接手。一分钟后转给另一位客服，并通知班长和主管。",
    "One complaint, step by step. Each is done by somebody whose role allows it.": "一张投诉，一步一步办理，每一步都由有此角色的人完成。",
    "The specialist who handled it would like to pass the review as well. The rules say no, and why:": "处理它的专员想自己审核通过。"
    "规则不允许，并说明原因：",
    "The whole story of this ticket, as it can be audited:": "这张工单的全部经过，可供审计：",
    "Night, and nobody is at the desk. A customer reports an emergency on the web.": "夜里服务台没有人。一位客户从网页报告紧急情况。",
    "Cron runs the timeouts. A minute later the lead on night duty is told.": "cron 运行超时检查。一分钟后，夜班班长得到通知。",
    "Half an hour later nobody has acknowledged it: the supervisor is told.": "半小时后仍无人接手：通知主管。",
    "Morning comes, and somebody takes it on. When would the ladder go on, and why?": (
        "早上有人接手了。之后何时会继续上报，为什么？"
    ),
    "Is the desk well? A monitor asks this every few minutes.": "服务台运行正常吗？监控每隔几分钟就问一次。",
    "Every type has its own way. This is one: {type}": "每种类型各有流程。这是其中之一：{type}",
    "A diagram of a type, with the way that one ticket took; Mermaid draws it.": "一种类型的流程图，标出一张工单走过的路；由 Mermaid 绘制。",
    "The archive now holds one ticket of every type.": "现在每种类型都有一张工单已归档。",
    "That was it. `ticketflow init my-desk` makes a desk of your own; `ticketflow --help` lists what it can do.": "演示到此结束。"
    "`ticketflow init my-desk` 建立您自己的服务台；`ticketflow --help` 列出全部功能。",
    "Everything is still in {folder}.": "全部内容仍在 {folder}。",
}

CATALOGUE = (
    FIGURES
    | WORDS
    | HELP
    | SAID
    | SORTING
    | AUDIT
    | MIGRATE
    | PERMISSION
    | PRIVACY
    | EXPLAIN
    | SPEECH
    | STORE
    | TIME
    | DELIVERY
    | FAULTS
    | CALENDAR
    | ERRORS
    | PROBLEMS
)
