@echo off
rem The same as scripts/reconcile.
node "%~dp0reconcile.mjs" %*
exit /b %errorlevel%
