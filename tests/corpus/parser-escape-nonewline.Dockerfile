# escape=`
# Shape of https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/testfiles/escape-after-comment/Dockerfile
FROM mcr.microsoft.com/windows/nanoserver:ltsc2022
SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop';"]
RUN Invoke-WebRequest -OutFile C:\x.zip `
      https://example.com/x.zip; `
    Expand-Archive C:\x.zip -DestinationPath C:\x
ENV P="C:\Program Files\x" Q=C:\y\
WORKDIR C:\app
COPY . C:\app\
CMD ["C:\\app\\x.exe"]
