#!/bin/sh
# Take a complaint from intake to the archive, each step by somebody whose role allows it, with the trial desk's people.
#
#     examples/walk.sh sqlite:///ticketflow.db 1
#
# The ticket must be a complaint that is still in intake. TICKETFLOW names the command if it is not .venv/bin/ticketflow.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: $0 DATABASE-URL TICKET-ID" >&2
    exit 2
fi
export TICKETFLOW_DATABASE="$1"
ticket=$2
: "${TICKETFLOW:=.venv/bin/ticketflow}"

run() {
    printf '\n$ ticketflow'
    for word in "$@"; do
        case $word in
        *[!a-zA-Z0-9_.,:/=-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    "$TICKETFLOW" "$@"
}

refused() {
    code=0
    run "$@" || code=$?
    if [ "$code" -ne 5 ]; then
        echo "expected exit code 5 (refused by the rules), got $code" >&2
        exit 1
    fi
}

run show "$ticket"

# An agent hears the case and sorts it: nothing grave, so it is settled on the phone.
run --actor agent_01 advance "$ticket" accept --note 'Apologised and heard the case.'
run --actor agent_01 advance "$ticket" classified --field category=service

# The customer does not accept the answer: from now on it is a special complaint with a case file.
run --actor specialist_01 advance "$ticket" answered --field satisfied=no
run --actor office_01 advance "$ticket" progress_given --note 'Told the customer that we are checking on the spot.'

# The feedback record comes before the review; without it the rules say no.
refused --actor office_01 advance "$ticket" settle
run --actor office_01 advance "$ticket" settle \
    --field product='Service window 3' --field resolution='Visited, mended and explained to the customer.' \
    --field fees=0 --field opinions='Wants to be told the date beforehand next time.'

# Somebody else reviews it, and it is not good enough at first.
refused --actor office_01 advance "$ticket" passed
run --actor reviewer_01 advance "$ticket" failed --field review_faults=completeness --field review_reason='The date of the visit is missing.'
run --actor office_01 advance "$ticket" settle --field resolution='Visited on Tuesday, mended, explained to the customer.'
run --actor reviewer_01 advance "$ticket" passed

# The callback decides.
run --actor callback_01 advance "$ticket" satisfied --field score=5 --note 'Content with how it ended.'

run show "$ticket"
run history "$ticket"
run diagram complaint --ticket "$ticket"
