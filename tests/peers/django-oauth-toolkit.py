"""django-oauth-toolkit on loopback. Arguments: a folder for its database, the grace period of refresh tokens in seconds,
the redirect URI of its one client. Refresh tokens rotate; within the grace a spent one brings the same answer again,
later it ends its family. An expired access token is a 403 with an empty body. One JSON line on stdout says where it is.
It ends with its stdin.
  GET  /login/?user=NAME             signs this user in
  POST /admin/settings {"access_ttl"} how many seconds access tokens live that are issued from now on
  POST /admin/expire                 all access tokens have expired
  POST /admin/posts                  every post
  POST /admin/stats                  refreshes by status, and how many refresh tokens are good
"""

import json
import os
import sys
import threading
from collections import Counter
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings

folder, grace, redirect = sys.argv[1:]
settings.configure(
    SECRET_KEY="for tests only",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    LOGIN_URL="/login/",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "oauth2_provider"],
    MIDDLEWARE=[
        f"{__name__}.counted",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(folder, "peer.db"),
            "OPTIONS": {"timeout": 20},
        }
    },
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    OAUTH2_PROVIDER={
        "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
        "ALWAYS_RELOAD_OAUTHLIB_CORE": True,  # or the first lifetime lasts
        "REFRESH_TOKEN_EXPIRE_SECONDS": 86400,
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": int(grace),
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "PKCE_REQUIRED": True,
        "SCOPES": {"read": "read", "write": "write"},
    },
)
django.setup()

from django.contrib.auth import login as sign_in  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils import timezone  # noqa: E402
from oauth2_provider.models import AccessToken, Application, RefreshToken  # noqa: E402
from oauth2_provider.settings import oauth2_settings  # noqa: E402
from oauth2_provider.views.generic import ProtectedResourceView  # noqa: E402

posts = []
refreshes = Counter()


def counted(get_response):
    def answer(request):
        refreshing = request.path == "/o/token/" and request.POST.get("grant_type") == "refresh_token"
        response = get_response(request)
        if refreshing:
            refreshes[str(response.status_code)] += 1
        return response

    return answer


def login(request):
    user, _ = User.objects.get_or_create(username=request.GET["user"])
    sign_in(request, user)
    return JsonResponse({})


class Posts(ProtectedResourceView):
    def post(self, request):
        posts.append({"id": len(posts) + 1, "user": request.resource_owner.username, **json.loads(request.body)})
        return JsonResponse(posts[-1], status=201)


def admin(request, what):
    if what == "settings":
        oauth2_settings.ACCESS_TOKEN_EXPIRE_SECONDS = json.loads(request.body)["access_ttl"]
    if what == "expire":
        AccessToken.objects.update(expires=timezone.now())
    if what == "posts":
        return JsonResponse({"posts": posts})
    good = RefreshToken.objects.filter(revoked__isnull=True).count()
    return JsonResponse({"refresh": refreshes, "refresh_tokens": good})


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("login/", login),
    path("api/posts", Posts.as_view()),
    path("admin/<what>", admin),
]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def end_with_stdin():
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    Application.objects.create(
        client_id="sealpost",
        client_secret="sealpost-secret",
        client_type="confidential",
        authorization_grant_type="authorization-code",
        redirect_uris=redirect,
        skip_authorization=True,
    )
    server = make_server("127.0.0.1", 0, get_wsgi_application(), Server, Quiet)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    print(json.dumps({"issuer": f"http://127.0.0.1:{server.server_address[1]}"}), flush=True)
    server.serve_forever()
