#!/bin/sh
# All of it with curl: a memory kept, found, put into a prompt's words, changed and forgotten; and a conversation.
#
#     memory-gateway serve configs/quickstart.yaml
#     sh examples/quickstart/quickstart.sh http://127.0.0.1:8080
set -eu
gateway=${1:-http://127.0.0.1:8080}

ask() { # METHOD PATH [BODY]
    curl --silent --show-error --fail-with-body -X "$1" "$gateway$2" -H 'Content-Type: application/json' ${3:+-d "$3"}
    echo
}

echo '# keep two memories of Ann'
id=$(ask POST /v1/memories '{"user_id": "ann", "content": "Ann is allergic to peanuts", "metadata": {"topic": "food"}}' |
    sed 's/^{"id":"\([^"]*\)".*/\1/')
ask POST /v1/memories '{"user_id": "ann", "content": "Her bicycle has a flat tyre"}'

echo '# find by meaning; nobody else finds it'
ask POST /v1/memories/search '{"user_id": "ann", "query": "which food should she avoid?", "top_k": 1}'
ask POST /v1/memories/search '{"user_id": "bob", "query": "which food should she avoid?"}'

echo '# the same as a text for a prompt'
ask POST /v1/context '{"user_id": "ann", "query": "which food should she avoid?", "top_k": 1}'

echo '# change it, see what it was, forget it'
ask PATCH "/v1/memories/$id" '{"user_id": "ann", "content": "Ann is allergic to peanuts and kiwi"}'
ask GET "/v1/memories/$id/history?user_id=ann"
ask DELETE "/v1/memories/$id?user_id=ann"

echo '# a conversation: messages stay in their order'
ask POST /v1/sessions/chat-1/messages '{"user_id": "ann", "message": {"role": "user", "content": "Hello"}}'
ask POST /v1/sessions/chat-1/messages '{"user_id": "ann", "message": {"role": "assistant", "content": "Hi Ann!"}}'
ask GET '/v1/sessions/chat-1/messages?user_id=ann'
