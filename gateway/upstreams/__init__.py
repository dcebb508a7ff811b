"""Floor 1: language models behind the gateway, one kind of server in each file. An upstream carries requests and replies
as they are; it knows neither memories nor who asks."""
