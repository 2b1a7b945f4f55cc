@echo off
rem The same as scripts/regress: sets up what is missing, then calls the program of both systems.
call "%~dp0lib\start.cmd" regress.mjs %*
exit /b %errorlevel%
