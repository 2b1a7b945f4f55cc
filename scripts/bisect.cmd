@echo off
rem The same as scripts/bisect: sets up what is missing, then calls the program of both systems.
setlocal
call "%~dp0lib\start.cmd"
if errorlevel 1 exit /b 1
node "%~dp0bisect.mjs" %*
exit /b %errorlevel%
